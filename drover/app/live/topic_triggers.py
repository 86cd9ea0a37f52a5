"""Workflows that wait for messages on free topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.workflows import MOST_DEPTH
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from drover.ports.bus import Message

MQTT_TRIGGER: Final = "mqttTopic"


def firing_of(topic_filter: str, message: Message) -> Firing | None:
    """Return what a message starts; None where workflows have caused it in too long a chain."""
    relay = message.relay
    depth = 0 if relay is None else relay.depth
    if depth > MOST_DEPTH:
        return None
    root: dict[str, Any] = {"triggerId": message.topic}
    if relay is not None:
        root |= {"relayId": relay.id, "relayType": relay.type}
    return Firing(
        application_id=message.application_id,
        trigger_type=MQTT_TRIGGER,
        key=topic_filter,
        data=msgspec.json.encode(message.payload.decode(errors="replace")),
        root=msgspec.json.encode(root),
        depth=depth,
    )
