"""Webhook Reply: answer the request that a webhook waits with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows import reply_fields
from drover.flows.actions import NOTHING, Action, Ask
from drover.flows.answers import softly
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

TYPES: Final = ("application/json", "application/xml", "text/plain", "text/xml", "text/csv")
"""Types of body that may be sent; any other becomes the first."""

_TYPE: Final = "content-type"


def _compile(settings: Settings) -> Action:
    reply_id = reply_fields.reply_id(settings)
    status = reply_fields.status(settings)
    headers = reply_fields.headers(settings)
    body = reply_fields.body(settings)
    settings.template("encodingTemplate")
    to_socket = settings.flag("isWebsocketMessage")

    def request(visit: Visit) -> Any:
        payload = visit.payload
        wanted = reply_id(payload)
        if to_socket:
            raise Thrown("NotImplemented", "This server has no webhooks over websockets")
        if not isinstance(wanted, str) or not wanted:
            return NOTHING
        given = headers(payload)
        kinds = [value for name, value in given if name.lower() == _TYPE]
        rest = [(name, value) for name, value in given if name.lower() != _TYPE]
        return {
            "replyId": wanted,
            "status": status(payload),
            "headers": [(_TYPE, _allowed(kinds)), *rest],
            "body": body(payload),
        }

    return Ask("reply.give", request, softly(None))


def _allowed(kinds: list[str]) -> str:
    kind = kinds[-1] if kinds else ""
    return kind if kind.partition(";")[0].strip().lower() in TYPES else TYPES[0]


NODE = Node(type="WebhookReplyNode", name="webhook-reply", category="output", compile=_compile)
