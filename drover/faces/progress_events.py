"""Progress of an execution as server-sent events, the same for programs and for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec

if TYPE_CHECKING:
    from drover.app.jobs.progress import ProgressStream

EVENT_STREAM: Final = "text/event-stream"
_KEEPALIVE: Final = b": keepalive\n\n"


class ProgressEvents:
    """A stream of progress in the form of events."""

    def __init__(self, stream: ProgressStream) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next event, or a sign of life."""
        event = await anext(self._stream)
        if event is None:
            return _KEEPALIVE
        return b"event: progress\ndata: %b\n\n" % msgspec.json.encode(event)

    async def aclose(self) -> None:
        """Make the stream's place free."""
        await self._stream.aclose()
