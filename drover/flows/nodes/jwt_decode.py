"""JWT: Decode: what a token says, unchecked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.node import Node
from drover.flows.visit import Thrown
from drover.flows.web_tokens import BadToken, taken_apart

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    token = settings.template("tokenTemplate", required=True)
    complete = settings.flag("complete")
    write = settings.writer("destinationPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        try:
            header, claims, signature = taken_apart(token(visit.payload))
        except BadToken as error:
            raise Thrown("Validation", str(error)) from error
        if write is not None:
            whole = {"header": header, "payload": claims, "signature": signature}
            write(visit, whole if complete else claims)
        return 0

    return Each(act)


NODE = Node(type="JWTDecodeNode", name="jwt-decode", category="logic", compile=_compile)
