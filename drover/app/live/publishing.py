"""Messages that people and workflows publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from drover.app.device_commands import Command, DeviceCommands
from drover.app.device_reports import DeviceReports, reports_in
from drover.app.flow_caller import depth_after
from drover.app.payload_counts import source_of
from drover.model.bodies import decode
from drover.model.errors import Invalid, Unavailable
from drover.model.topics import STATE, device_topic, is_reserved, is_topic
from drover.ports.bus import Message, Relay

if TYPE_CHECKING:
    from drover.app.live.pace import Pace
    from drover.model.access import Caller
    from drover.ports.bus import Bus


class Publication(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to publish."""

    topic: Annotated[str, Meta(min_length=1, max_length=230)]
    message: Annotated[str, Meta(max_length=32767)]


class Publishing:
    """Publishes in the name of callers."""

    def __init__(
        self, bus: Bus, reports: DeviceReports, commands: DeviceCommands, pace: Pace
    ) -> None:
        self.pace = pace
        self._bus = bus
        self._reports = reports
        self._commands = commands

    async def publish(self, caller: Caller, application_id: str, wanted: Publication) -> None:
        """Publish one message; raises Invalid, Missing, TooMany, Unavailable.

        State and commands of a device are stored like those that come on their own routes, and
        heard by who listens to the topic.
        """
        self.pace.published(application_id, wanted.topic)
        if is_reserved(wanted.topic):
            await self._to_device(caller, application_id, wanted)
        else:
            await self.publish_freely(caller, application_id, wanted)

    async def publish_freely(
        self, caller: Caller, application_id: str, wanted: Publication
    ) -> None:
        """Publish one message on a free topic; raises Invalid, Unavailable."""
        if not is_topic(wanted.topic) or is_reserved(wanted.topic):
            message = "The topic may hold no wildcards and blanks, and not begin with losant or $"
            raise Invalid(message, field="topic")
        if not self._bus.ready:
            raise Unavailable("This server has no broker for live messages")
        payload = wanted.message.encode()
        self._hand_on(caller, application_id, wanted.topic, payload)
        source = source_of(caller)
        self._reports.counter.note(application_id, "mqttOut", source, 1, len(payload))

    async def _to_device(self, caller: Caller, application_id: str, wanted: Publication) -> None:
        of = device_topic(wanted.topic)
        if of is None:
            raise Invalid("This topic belongs to the server", field="topic")
        body = wanted.message.encode()
        if of.what == STATE:
            reports = reports_in(body)
            await self._reports.record(caller, application_id, of.device_id, reports)
            self._hand_on(caller, application_id, of.topic, body)
        else:
            command = decode(body, Command)
            await self._commands.to_one(caller, application_id, of.device_id, command)

    def _hand_on(self, caller: Caller, application_id: str, topic: str, payload: bytes) -> None:
        """Hand a message to all who listen, with who says it."""
        relay = Relay(caller.id, caller.type, depth_after(caller))
        self._bus.publish(Message(application_id, topic, payload, relay))
