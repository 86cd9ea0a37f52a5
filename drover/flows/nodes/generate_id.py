"""Generate ID: a new identifier, or one that follows from a name."""

from __future__ import annotations

import secrets
import string
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.language import to_number
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

DEFAULT: Final = "uuidv4"
LONGEST: Final = 255
LENGTH: Final = 21

_LETTERS: Final = f"{string.ascii_letters}{string.digits}_-"
_BY_NAME: Final = {"uuidv3": uuid.uuid3, "uuidv5": uuid.uuid5}


def _compile(settings: Settings) -> Action:
    kind = settings.template("idTypeTemplate")
    namespace = settings.template("namespaceTemplate")
    value = settings.template("valueTemplate")
    length = settings.template("numCharactersTemplate")
    write = settings.writer("destinationPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        wanted = kind(payload).strip().lower() or DEFAULT
        if wanted in _BY_NAME:
            found = _named(wanted, namespace(payload), value(payload))
        elif wanted == "nanoid":
            found = "".join(secrets.choice(_LETTERS) for _ in range(_length(length(payload))))
        elif wanted in _NEW:
            found = _NEW[wanted]()
        else:
            raise Thrown("Validation", f"'{wanted[:50]}' is not a type of identifier")
        if write is not None:
            write(visit, found)
        return 0

    return Each(act)


def _named(kind: str, namespace: str, value: str) -> str:
    try:
        within = uuid.UUID(namespace.strip())
    except ValueError as error:
        raise Thrown("Validation", "Namespace must be a UUID") from error
    return str(_BY_NAME[kind](within, value))


def _length(text: str) -> int:
    number = to_number(text.strip()) if text.strip() else LENGTH
    if not 1 <= number <= LONGEST or number != int(number):
        raise Thrown("Validation", f"Num characters must be a whole number from 1 to {LONGEST}")
    return int(number)


_NEW: Final[dict[str, Callable[[], Any]]] = {
    "uuidv1": lambda: str(uuid.uuid1(node=secrets.randbits(48) | 1 << 40)),
    "uuidv4": lambda: str(uuid.uuid4()),
    "objectid": lambda: f"{int(time.time()):08x}{secrets.token_hex(8)}",
}

NODE = Node(type="GenerateIdNode", name="generate-id", category="logic", compile=_compile)
