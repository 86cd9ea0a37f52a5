"""MQTT: publish a message on a topic of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import strictly
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

OWN_BROKER: Final = "losant"
"""What the config calls the broker that devices connect to."""


def _compile(settings: Settings) -> Action:
    broker = settings.literal("integrationId", default=OWN_BROKER)
    topic = settings.template("topicTemplate", required=True)
    message = settings.template("messageTemplate")

    def request(visit: Visit) -> dict[str, str]:
        if broker != OWN_BROKER:
            raise Thrown("NotImplemented", f"Only the broker {OWN_BROKER} can be published on")
        return {"topic": topic(visit.payload), "message": message(visit.payload)}

    return Ask("mqtt.publish", request, strictly(None))


NODE = Node(type="MqttMessageNode", name="mqtt", category="output", compile=_compile)
