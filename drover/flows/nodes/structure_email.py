"""Email: send a message from the server's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly, strictly
from drover.flows.node import Node
from drover.flows.settings import templates_of

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_ADDRESSES: Final = 5


def _compile(settings: Settings) -> Action:
    addresses = templates_of(settings, "toAddresses", most=MOST_ADDRESSES)
    if not addresses and not settings.config.get("toAddresses"):
        settings.flaw("toAddresses", "To addresses is required", missing=True)
    subject = settings.template("subjectTemplate", required=True)
    body = settings.template("bodyTemplate", required=True)
    settings.template("fromTemplate")
    write = settings.writer("resultPath", fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        rendered = (each(payload).strip() for each in addresses)
        return {
            "to": [address for address in rendered if address],
            "subject": subject(payload),
            "html": body(payload),
        }

    settle = strictly(None) if write is None else softly(write)
    return Ask("email.send", request, settle, apart=True)


NODE = Node(type="StructureEmailNode", name="structure-email", category="output", compile=_compile)
