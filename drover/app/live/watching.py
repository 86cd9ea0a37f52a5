"""People who watch topics live: messages handed on as they come, to slow readers not for ever."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.app.device_reports import REPORTED
from drover.app.devices import check_sight
from drover.app.flow_runs import DEBUGGED
from drover.app.live.streams import Stream, Watch
from drover.kinds.device import KIND
from drover.kinds.flow import KIND as FLOW
from drover.model.errors import Invalid, TooMany
from drover.model.instants import to_text
from drover.model.topics import command_topic, device_topic, is_filter, is_reserved
from drover.ports.flows import DEBUG_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.live.streams import Pick, Reading
    from drover.model.access import Caller
    from drover.ports.bus import Bus, Message
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

MOST_WATCHING: Final = 2000
"""Streams of one server that are open at once."""

LINGER_S: Final = 60.0
"""How long messages are kept for readers who come back, after the last one left."""

MOST_LINGERING: Final = 100
"""Things whose messages are kept although nobody reads them now."""

_REPORTED: Final = msgspec.json.Decoder(list[tuple[str, int, msgspec.Raw]])


_DEBUGGED: Final = msgspec.json.Decoder(tuple[str, dict[str, Any]])


class Messages(NamedTuple):
    """Which debug messages of a workflow: of a level or graver, of one node, of one version."""

    least: str = DEBUG_LEVELS[0]
    node_id: str = ""
    version: str = ""

    def hold(self, note: dict[str, Any]) -> bool:
        """Tell whether a message is one of them."""
        return (
            DEBUG_LEVELS.index(note["level"]) >= DEBUG_LEVELS.index(self.least)
            and self.node_id in ("", note["nodeId"])
            and self.version in ("", note["flowVersion"])
        )


class _Watched(NamedTuple):
    """What readers share: a filter of an application, a part of it if any, shown in one way."""

    application_id: str
    topic_filter: str
    part: object
    name: str


def check_topic(topic_filter: str) -> None:
    """Raise Invalid for what cannot be watched."""
    known = not is_reserved(topic_filter) or device_topic(topic_filter.replace("+", "0" * 24))
    if not is_filter(topic_filter) or not known:
        raise Invalid(f"'{topic_filter[:100]}' cannot be subscribed to", field="topic")


class Watching:
    """Opens streams of messages."""

    def __init__(self, store: Store, bus: Bus, ids: Ids) -> None:
        self._store = store
        self._bus = bus
        self._ids = ids
        self._watches: dict[_Watched, Watch] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._open: set[Stream] = set()
        self._stopping = False
        self.cut = 0
        """Streams ended because their readers were too slow."""

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._open)

    def stop(self) -> None:
        """End all streams: the server stops. Safe from a signal handler."""
        self._stopping = True
        for stream in list(self._open):
            stream.end()
        for watch in self._watches.values():
            if watch.lingering is not None:
                watch.lingering.cancel()

    async def topic(self, application_id: str, topic_filter: str, reading: Reading) -> Stream:
        """Watch a topic or filter of an application; raises Invalid, TooMany, Unavailable."""
        check_topic(topic_filter)
        of = device_topic(topic_filter)
        wanted = topic_filter if of is None else of.topic
        return await self._watch(_Watched(application_id, wanted, "", reading.name), reading)

    async def states(
        self, caller: Caller, application_id: str, device_id: str, reading: Reading
    ) -> Stream:
        """Watch what a device reports, as it is stored; raises Missing, TooMany, Unavailable."""
        await self.check(caller, application_id, device_id)
        watched = _Watched(application_id, REPORTED, device_id, reading.name)
        return await self._watch(watched, reading, partial(_reports_of, device_id))

    async def commands(
        self, caller: Caller, application_id: str, device_id: str, reading: Reading
    ) -> Stream:
        """Watch what a device is told to do; raises Missing, TooMany, Unavailable."""
        await self.check(caller, application_id, device_id)
        watched = _Watched(application_id, command_topic(device_id), "", reading.name)
        return await self._watch(watched, reading)

    async def debug(
        self, application_id: str, flow_id: str, wanted: Messages, reading: Reading
    ) -> Stream:
        """Watch what a workflow's debug nodes say; raises Missing, TooMany, Unavailable."""
        await self.check_flow(application_id, flow_id)
        watched = _Watched(application_id, DEBUGGED, (flow_id, wanted), reading.name)
        return await self._watch(watched, reading, partial(_said_by, flow_id, wanted))

    async def check_flow(self, application_id: str, flow_id: str) -> None:
        """Return where a workflow is there; raises Missing."""
        await self._store.read(
            lambda session: session.resources.get_bytes(FLOW, application_id, flow_id)
        )

    async def check(self, caller: Caller, application_id: str, device_id: str) -> None:
        """Return where a caller may watch a device; raises Missing."""

        async def look(session: Session) -> None:
            check_sight(caller, await session.resources.get(KIND, application_id, device_id))

        await self._store.read(look)

    async def _watch(self, watched: _Watched, reading: Reading, pick: Pick | None = None) -> Stream:
        if len(self._open) >= MOST_WATCHING:
            raise TooMany("Too many streams are open; try again later", retry_after_s=5)
        watch = self._watches.get(watched)
        if watch is None:
            watch = self._watches[watched] = Watch(self._ids.new(), reading, pick)
        stream = Stream(reading.idle_s, partial(self._closed, watched, watch))
        self._open.add(stream)
        try:
            await self._listen(watched, watch)
        except BaseException:
            self._closed(watched, watch, stream)
            raise
        watch.add(stream, reading.last_id)
        if self._stopping:
            stream.end()
        return stream

    async def _listen(self, watched: _Watched, watch: Watch) -> None:
        """Begin to listen where nobody has, or go on with what is kept."""
        if watch.lingering is not None:
            watch.lingering.cancel()
            watch.lingering = None
        async with watch.opening:
            if watch.leave is None:
                watch.leave = await self._bus.subscribe(
                    watched.application_id, watched.topic_filter, watch.take
                )

    def _closed(self, watched: _Watched, watch: Watch, stream: Stream) -> None:
        """Forget a stream; with the last one listening ends a while later."""
        if stream not in self._open:
            return
        self._open.discard(stream)
        self.cut += stream.cut
        watch.streams.discard(stream)
        if watch.streams or watch.opening.locked() or self._stopping:
            return
        lingering = sum(each.lingering is not None for each in self._watches.values())
        rest_s = LINGER_S if watch.leave is not None and lingering < MOST_LINGERING else 0
        loop = asyncio.get_running_loop()
        watch.lingering = loop.call_later(rest_s, self._leave, watched, watch)

    def _leave(self, watched: _Watched, watch: Watch) -> None:
        if watch.streams or watch.opening.locked():
            return
        if self._watches.get(watched) is watch:
            del self._watches[watched]
        if watch.leave is not None:
            task = asyncio.ensure_future(watch.leave())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


def _reports_of(device_id: str, message: Message) -> Iterator[Message]:
    """Yield the reports of a device, of those that were stored together."""
    for of, time_ms, values in _REPORTED.decode(message.payload):
        if of == device_id:
            report = msgspec.json.encode({"time": to_text(time_ms), "data": values})
            yield message._replace(payload=report)


def _said_by(flow_id: str, wanted: Messages, message: Message) -> Iterator[Message]:
    """Yield a debug message, where it is one of those wanted."""
    of, note = _DEBUGGED.decode(message.payload)
    if of == flow_id and wanted.hold(note):
        yield message._replace(payload=msgspec.json.encode(note))
