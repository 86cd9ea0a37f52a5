"""People who watch topics live: messages handed on as they come, to slow readers not for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.device_reports import REPORTED
from drover.app.devices import check_sight
from drover.kinds.device import KIND
from drover.model.errors import Invalid, TooMany
from drover.model.instants import to_text
from drover.model.topics import command_topic, device_topic, is_filter, is_reserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drover.model.access import Caller
    from drover.ports.bus import Bus, Leave, Message
    from drover.ports.store import Session, Store

    Pick = Callable[[Message], Iterator[bytes]]
    """Returns what of a message the watcher is shown."""

MOST_WATCHING: Final = 2000
"""Streams of one server that are open at once."""

MOST_UNREAD: Final = 2000
"""Messages that wait for one reader; with more the stream ends."""


_REPORTED: Final = msgspec.json.Decoder(list[tuple[str, int, msgspec.Raw]])


class Stream:
    """The messages of one watcher from now on, in order; None where nothing came for a while.

    Whoever opens one closes it, also when nothing of it was read.
    """

    def __init__(self, idle_s: float, closed: Callable[[Stream], None]) -> None:
        self._idle_s = idle_s
        self._closed = closed
        self._unread: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self.leave: Leave | None = None
        """What ends the listening."""

    def put(self, message: Message) -> None:
        """Take a message for the reader; one who is too far behind gets no more."""
        if len(self._unread) >= MOST_UNREAD:
            self._ended = True
        else:
            self._unread.append(message)
        self._wake.set()

    def end(self) -> None:
        """End after what is unread."""
        self._ended = True
        self._wake.set()

    async def aclose(self) -> None:
        """Listen no longer. Safe to call twice."""
        self._closed(self)
        leave, self.leave = self.leave, None
        if leave is not None:
            await leave()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Message | None:
        if not self._unread and not self._ended:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._idle_s):
                    await self._wake.wait()
        if self._unread:
            return self._unread.popleft()
        if self._ended:
            raise StopAsyncIteration
        return None


class Watching:
    """Opens streams of messages."""

    def __init__(self, store: Store, bus: Bus) -> None:
        self._store = store
        self._bus = bus
        self._open: set[Stream] = set()
        self._stopping = False

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._open)

    def stop(self) -> None:
        """End all streams: the server stops. Safe from a signal handler."""
        self._stopping = True
        for stream in list(self._open):
            stream.end()

    async def topic(self, application_id: str, topic_filter: str, idle_s: float) -> Stream:
        """Watch a topic or filter of an application; raises Invalid, TooMany, Unavailable."""
        known = not is_reserved(topic_filter) or device_topic(topic_filter.replace("+", "0" * 24))
        if not is_filter(topic_filter) or not known:
            raise Invalid(f"'{topic_filter[:100]}' cannot be subscribed to", field="topic")
        return await self._watch(application_id, topic_filter, idle_s, None)

    async def states(
        self, caller: Caller, application_id: str, device_id: str, idle_s: float
    ) -> Stream:
        """Watch what a device reports, as it is stored; raises Missing, TooMany, Unavailable."""
        await self._check(caller, application_id, device_id)

        def pick(message: Message) -> Iterator[bytes]:
            for of, time_ms, values in _REPORTED.decode(message.payload):
                if of == device_id:
                    yield msgspec.json.encode({"time": to_text(time_ms), "data": values})

        return await self._watch(application_id, REPORTED, idle_s, pick)

    async def commands(
        self, caller: Caller, application_id: str, device_id: str, idle_s: float
    ) -> Stream:
        """Watch what a device is told to do; raises Missing, TooMany, Unavailable."""
        await self._check(caller, application_id, device_id)
        return await self._watch(application_id, command_topic(device_id), idle_s, None)

    async def _check(self, caller: Caller, application_id: str, device_id: str) -> None:
        async def look(session: Session) -> None:
            check_sight(caller, await session.resources.get(KIND, application_id, device_id))

        await self._store.read(look)

    async def _watch(
        self, application_id: str, topic_filter: str, idle_s: float, pick: Pick | None
    ) -> Stream:
        if len(self._open) >= MOST_WATCHING:
            raise TooMany("Too many streams are open; try again later", retry_after_s=5)
        stream = Stream(idle_s, self._open.discard)

        def take(message: Message) -> None:
            for payload in (message.payload,) if pick is None else pick(message):
                stream.put(message._replace(payload=payload))

        self._open.add(stream)
        try:
            stream.leave = await self._bus.subscribe(application_id, topic_filter, take)
        except BaseException:
            self._open.discard(stream)
            raise
        if self._stopping:
            stream.end()
        return stream
