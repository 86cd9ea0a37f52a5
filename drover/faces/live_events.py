"""Live messages as server-sent events, the same for programs and for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec

from drover.app.live.streams import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.app.live.streams import Stream
    from drover.faces.operation import Call
    from drover.ports.bus import Message

KEEP_ALIVE_S: Final = 2
LONGEST_KEEP_ALIVE_S: Final = 3600
INTERVAL: Final = "keepAliveInterval"
MESSAGE: Final = "mqttMessage"
"""The event of a message on a topic."""

_MARKS: Final = tuple(
    (mark.encode(), f"\\u{ord(mark):04x}".encode()) for mark in ("\u0085", "\u2028", "\u2029")
)
"""Where some readers of lines end one, and what they are in JSON instead."""

_LONGEST_ID: Final = 100


class LiveEvents:
    """A stream as server-sent events, with a comment where nothing came."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return what came since, or a sign of life."""
        if not self._begun:
            self._begun = True
            return b": watching\n\n"
        shown = await anext(self._stream)
        return b": keepalive\n\n" if shown is None else shown

    async def aclose(self) -> None:
        """Watch no longer."""
        await self._stream.aclose()


def reading(call: Call, name: str, shown: Callable[[Message], bytes]) -> Reading:
    """Return how the caller is shown messages, as events of this name; raises Invalid."""

    def event(message_id: str, message: Message) -> bytes:
        data = shown(message)
        for mark, escaped in _MARKS:
            data = data.replace(mark, escaped)
        return f"id: {message_id}\nevent: {name}\ndata: ".encode() + data + b"\n\n"

    idle_s = call.whole(INTERVAL, KEEP_ALIVE_S, least=1, most=LONGEST_KEEP_ALIVE_S)
    return Reading(name, event, idle_s, call.headers.get("last-event-id", "")[:_LONGEST_ID])


def message(message: Message) -> bytes:
    """Return a message on a topic, on one line."""
    text = message.payload.decode(errors="replace")
    return msgspec.json.encode({"topic": message.topic, "message": text})
