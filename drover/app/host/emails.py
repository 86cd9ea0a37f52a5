"""E-mails that workflows send: few at a time, so that nobody's workflow becomes a mass mailer."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.flows.memory import spent
from drover.model.errors import DroverError, Invalid, TooMany, Unavailable, reached
from drover.ports.mail import MailFailure, Message

if TYPE_CHECKING:
    from drover.ports.store import Session

BURST: Final = 10
"""E-mails that one workflow may send at once, where it has sent none for as many minutes."""
EVERY_MS: Final = 60_000
MOST_BYTES: Final = 1_048_576
LONGEST_SUBJECT: Final = 998

_ALLOWANCE: Final = "$email"
"""What stands for a node where the workflow's allowance is remembered."""

_ADDRESS: Final = re.compile(r"[^@\s,;:<>()\[\]\"\\]{1,64}@[^@\s,;:<>()\[\]\"\\]{1,255}")
_TAG: Final = re.compile(r"<[^<>]*>")


class NotSet(DroverError):
    """The server cannot do this as it is set up."""

    code = "NotImplemented"


async def _send(asking: Asking, request: Request) -> dict[str, bool]:
    if asking.tools.mail is None:
        raise NotSet("This server sends no e-mail")
    message = _message(asking.tools.ids.new(), request)
    if not await asking.store.write(lambda session: _may_send(session, asking.flow_id)):
        told = TooMany("The workflow sends too many e-mails; one a minute is left")
        raise reached("emails_of_a_workflow", told)
    try:
        await asking.tools.mail.send(message)
    except MailFailure as failure:
        raise Unavailable(f"The e-mail could not be sent: {failure}") from failure
    return {"success": True}


async def _may_send(session: Session, flow_id: str) -> bool:
    """Take one from what a workflow may send; False when nothing is left."""
    await session.flows.storage.lock(flow_id)
    memory = session.flows.memory
    found = (await memory.get(flow_id, _ALLOWANCE, [""])).get("")
    old = None if found is None else msgspec.json.decode(found)
    ask = {"burst": BURST, "everyMs": EVERY_MS}
    moved = spent(old, ask, await session.now_ms())
    await memory.put(flow_id, _ALLOWANCE, {"": msgspec.json.encode(moved.kept)})
    return bool(moved.told["passes"])


def _message(message_id: str, request: Request) -> Message:
    to, subject, body = request["to"], request["subject"], request["html"]
    if not to:
        raise Invalid("To addresses is required")
    for address in to:
        if not _ADDRESS.fullmatch(address):
            raise Invalid(f"'{address[:100]}' is not an e-mail address")
    if len(subject) > LONGEST_SUBJECT or len(body.encode("utf-8", "replace")) > MOST_BYTES:
        raise Invalid("The e-mail is too large")
    return Message(id=message_id, to=tuple(to), subject=subject, text=_plain(body), html=body)


def _plain(markup: str) -> str:
    """Return what a body in HTML says, for those who read no HTML."""
    return html.unescape(_TAG.sub("", markup))


OPERATIONS = HostOperations({"email.send": each(_send)})
