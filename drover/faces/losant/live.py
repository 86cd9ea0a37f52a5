"""Live messages: publish one, and watch topics, state and commands as they come."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.live.publishing import Publication, Publishing
from drover.app.live.watching import Messages, Watching
from drover.faces.live_events import INTERVAL, MESSAGE, LiveEvents, message
from drover.faces.live_events import reading as reading_of
from drover.faces.operation import Answer, Call, Operation
from drover.faces.streaming import while_let_in
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.ports.flows import DEBUG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.live.streams import Stream
    from drover.app.services import Services
    from drover.faces.streaming import Still
    from drover.ports.bus import Message

_APPLICATION: Final = "/applications/{applicationId}"
_DEVICE: Final = f"{_APPLICATION}/devices/{{deviceId}}"
_NOT_KEPT: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


class _Calls:
    """The operations on live messages."""

    def __init__(self, publishing: Publishing, watching: Watching) -> None:
        self._publishing = publishing
        self._watching = watching

    async def publish(self, call: Call) -> dict[str, bool]:
        """Publish a message."""
        wanted = call.json(Publication)
        await self._publishing.publish(call.caller, call.application_id, wanted)
        return {"success": True}

    async def topic(self, call: Call) -> Answer:
        """Watch a topic."""
        wanted = call.text("topic")
        reading = reading_of(call, MESSAGE, message)
        stream = await self._watching.topic(call.application_id, wanted, reading)
        return _answer(stream, while_let_in)

    async def states(self, call: Call) -> Answer:
        """Watch what a device reports."""
        device = (call.caller, call.application_id, call.path["deviceId"])
        reading = reading_of(call, "deviceState", _json)
        stream = await self._watching.states(*device, reading)
        return _answer(stream, partial(self._watching.check, *device))

    async def commands(self, call: Call) -> Answer:
        """Watch what a device is told to do."""
        device = (call.caller, call.application_id, call.path["deviceId"])
        reading = reading_of(call, "deviceCommand", _json)
        stream = await self._watching.commands(*device, reading)
        return _answer(stream, partial(self._watching.check, *device))

    async def debug(self, call: Call) -> Answer:
        """Watch what a workflow's debug nodes say."""
        wanted = Messages(
            call.choice("level", DEBUG_LEVELS, DEBUG_LEVELS[0]),
            call.query.get("nodeId", ""),
            call.query.get("flowVersion", ""),
        )
        reading = reading_of(call, "flowDebug", _json)
        flow = (call.application_id, call.path["flowId"])
        stream = await self._watching.debug(*flow, wanted, reading)
        return _answer(stream, partial(self._watching.check_flow, *flow))


def _answer(stream: Stream, still: Still) -> Answer:
    return Answer(
        LiveEvents(stream), headers=_NOT_KEPT, media_type="text/event-stream", still=still
    )


def _json(message: Message) -> bytes:
    """Return a document on one line: what a gateway wrote may be laid out over several."""
    try:
        document: Any = msgspec.json.decode(message.payload)
    except (msgspec.DecodeError, RecursionError):  # a gateway may write what it likes
        document = {"payload": message.payload.decode(errors="replace")}
    return msgspec.json.encode(document)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on live messages."""
    calls = _Calls(services[Publishing], services[Watching])
    yield Operation(
        method="POST",
        path=f"{_APPLICATION}/mqttPublishMessage",
        scopes=APPLICATION.scopes("mqttPublishMessage"),
        run=calls.publish,
        name="application.mqttPublishMessage",
        summary="Publish a message",
        body=Publication,
    )
    yield Operation(
        method="GET",
        path=f"{_APPLICATION}/mqttSubscriptionStream",
        scopes=APPLICATION.scopes("mqttSubscriptionStream", reads=True),
        run=calls.topic,
        name="application.mqttSubscriptionStream",
        summary="Watch a topic",
        parameters=("topic", INTERVAL),
    )
    for verb, run, summary in (
        ("stateStream", calls.states, "Watch what a device reports"),
        ("commandStream", calls.commands, "Watch what a device is told to do"),
    ):
        yield Operation(
            method="GET",
            path=f"{_DEVICE}/{verb}",
            scopes=DEVICE.scopes(verb, reads=True),
            run=run,
            name=f"device.{verb}",
            summary=summary,
            parameters=(INTERVAL,),
        )
    yield _debug_stream(calls)


def _debug_stream(calls: _Calls) -> Operation:
    return Operation(
        method="GET",
        path=f"{_APPLICATION}/flows/{{flowId}}/debugStream",
        scopes=FLOW.scopes("debug", reads=True),
        run=calls.debug,
        name="flow.debugStream",
        summary="Watch what a workflow's debug nodes say",
        parameters=("nodeId", "level", "flowVersion", INTERVAL),
        ours=True,
    )
