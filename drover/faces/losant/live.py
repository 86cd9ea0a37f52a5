"""Live messages: publish one, and watch topics, state and commands as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.live.publishing import Publication, Publishing
from drover.app.live.watching import Watching
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from drover.app.live.watching import Stream
    from drover.app.services import Services
    from drover.ports.bus import Message

KEEP_ALIVE_S: Final = 2
LONGEST_KEEP_ALIVE_S: Final = 3600

_APPLICATION: Final = "/applications/{applicationId}"
_DEVICE: Final = f"{_APPLICATION}/devices/{{deviceId}}"
_INTERVAL: Final = "keepAliveInterval"
_NOT_KEPT: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}


class _Events:
    """A stream of messages as server-sent events, with a comment where nothing came."""

    def __init__(self, stream: Stream, name: str, shown: Callable[[Message], bytes]) -> None:
        self._stream = stream
        self._name = name.encode()
        self._shown = shown
        self._begun = False

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> bytes:
        if not self._begun:
            self._begun = True
            return b": watching\n\n"
        message = await anext(self._stream)
        if message is None:
            return b": keepalive\n\n"
        return b"event: %b\ndata: %b\n\n" % (self._name, self._shown(message))

    async def aclose(self) -> None:
        """Watch no longer."""
        await self._stream.aclose()


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
        stream = await self._watching.topic(call.application_id, wanted, _idle_s(call))
        return _answer(stream, "mqttMessage", _message)

    async def states(self, call: Call) -> Answer:
        """Watch what a device reports."""
        device = (call.caller, call.application_id, call.path["deviceId"])
        stream = await self._watching.states(*device, _idle_s(call))
        return _answer(stream, "deviceState", _json)

    async def commands(self, call: Call) -> Answer:
        """Watch what a device is told to do."""
        device = (call.caller, call.application_id, call.path["deviceId"])
        stream = await self._watching.commands(*device, _idle_s(call))
        return _answer(stream, "deviceCommand", _json)


def _answer(stream: Stream, name: str, shown: Callable[[Message], bytes]) -> Answer:
    events = _Events(stream, name, shown)
    return Answer(events, headers=_NOT_KEPT, media_type="text/event-stream")


def _message(message: Message) -> bytes:
    text = message.payload.decode(errors="replace")
    return msgspec.json.encode({"topic": message.topic, "message": text})


def _json(message: Message) -> bytes:
    """Return a document on one line: what a gateway wrote may be laid out over several."""
    document: Mapping[str, Any] = msgspec.json.decode(message.payload)
    return msgspec.json.encode(document)


def _idle_s(call: Call) -> int:
    return call.whole(_INTERVAL, KEEP_ALIVE_S, least=1, most=LONGEST_KEEP_ALIVE_S)


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
        parameters=("topic", _INTERVAL),
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
            parameters=(_INTERVAL,),
        )
