"""Writes archives: what devices reported, events, rows of data tables.

Each file is written as a whole, and again under the same name where a server died before it noted
the file; so an archive that was killed goes on, and none of its files is ever half there.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from drover.app.archives import config as configured
from drover.app.archives.files import Page, Totals, Written, write_fitting
from drover.app.archives.forms import Column
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.data_table import KIND as DATA_TABLE
from drover.model.instants import to_text
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from drover.app.archives.forms import ColumnType
    from drover.app.archives.sources import ArchiveRoom
    from drover.kinds.application import Application
    from drover.ports.archives import Moment, Place, StoredLine
    from drover.ports.store import Session, Store
    from drover.ports.tasks import Task

T = TypeVar("T")

DAY_MS: Final = 86_400_000
MOMENTS: Final = 5000
"""Moments of a device, or documents, that are held at a time."""

DEVICES: Final = 200
AT_ONCE: Final = 4
"""Devices whose files are written side by side."""

EVENT_COLUMNS: Final = (
    "id", "creationDate", "lastUpdated", "level", "state", "subject", "message", "deviceId",
    "deviceName", "sourceType", "sourceId", "sourceName", "eventTags", "data", "updates",
)  # fmt: skip
ROW_COLUMNS: Final = ("id", "createdAt", "updatedAt")
_TYPES: Final[Mapping[str, ColumnType]] = {"number": "number", "boolean": "boolean"}
_TIMES: Final = frozenset({"creationDate", "lastUpdated", "createdAt", "updatedAt"})
_SAVE_S: Final = 1.0
_LAST_ID: Final = "g"  # after every id, which are hexadecimal


@dataclass(frozen=True, slots=True)
class Span:
    """Moments from ``start_ms`` to ``end_ms``, both included."""

    start_ms: int
    end_ms: int


def day_of(time_ms: int) -> Span:
    """Return the day, in UTC, of a moment."""
    start_ms = time_ms // DAY_MS * DAY_MS
    return Span(start_ms, start_ms + DAY_MS - 1)


class Archive:
    """One archive of an application, while it is written: where, how far, how much."""

    def __init__(
        self, room: ArchiveRoom, place: Place, task: Task, application: Application
    ) -> None:
        self.application = application
        self.config = configured.needed(application)
        self.directory = configured.directory(application)
        self._store = room.store
        self._form = room.form
        self._task = task
        self._place = place
        reached: Mapping[str, Any] = task.checkpoint or {}
        self._part: str = reached.get("part", "")
        self._after: str = reached.get("after", "")
        self.totals = msgspec.convert(reached.get("totals", {}), Totals)
        self._saved_s = 0.0

    def day_folder(self, span: Span) -> str:
        """Return the folder of a day, with a slash after it."""
        return f"{self.directory}{to_text(span.start_ms)}/"

    async def devices(self, span: Span) -> None:
        """Write what devices reported in a span: a file for each of them and each day."""
        if self._is_over("devices"):
            return
        chosen = configured.devices_chosen(self.config)
        counts = await self._read(lambda s: s.resources.counts([self.application.id]))
        total = counts[self.application.id].get("device", 0)
        done = 0
        while page := await self._device_page():
            documents = [msgspec.json.decode(each.document) for each in page]
            for start in range(0, len(page), AT_ONCE):
                some = documents[start : start + AT_ONCE]
                found = await asyncio.gather(
                    *(self._device(each, span) for each in some if chosen(each))
                )
                done += len(some)
                await self._note([file for files in found for file in files], some[-1]["id"])
                await self._task.progress(done, max(done, total), "devices")

    async def events(self, span: Span, key: str) -> None:
        """Write the events of a span into one file."""
        if self._is_over("events"):
            return

        def page(after: tuple[int, str]) -> Awaitable[Sequence[StoredLine]]:
            own = self.application.id
            return self._read(lambda s: s.archives.events(own, after, span.end_ms, MOMENTS))

        columns = [_own_column(name) for name in EVENT_COLUMNS]
        pages = partial(_documents, page, (span.start_ms - 1, _LAST_ID))
        await self._note([await self._one_file(key, columns, pages)], "")

    async def tables(self, folder: str, stamp_ms: int) -> None:
        """Write all rows of the tables that are chosen: a file for each."""
        if self._is_over("tables"):
            return
        chosen = configured.tables_chosen(self.config)
        listing = Listing(sort_field="id", limit=100_000)
        found = await self._read(
            lambda s: s.resources.page(DATA_TABLE, self.application.id, listing)
        )
        for table in sorted(found.items, key=lambda each: str(each.id)):
            if table.id > self._after and chosen({"id": table.id}):
                key = f"{folder}{self.application.id}-{table.id}-{stamp_ms}"
                await self._note([await self._table(table, key)], table.id)

    def result(self) -> dict[str, Any]:
        """Return what the job's output says of the files."""
        return {name: value for name, value in msgspec.to_builtins(self.totals).items() if value}

    async def end_part(self, part: str, following: str) -> None:
        """Go on to the next part, unless that has begun before."""
        if self._part == part:
            self._part, self._after = following, ""
            await self._save()

    def _is_over(self, part: str) -> bool:
        """Tell whether a part was written before; where none was begun, it is the first."""
        self._part = self._part or part
        return self._part != part

    async def _device_page(self) -> Sequence[StoredLine]:
        own, after = self.application.id, self._after
        return await self._read(lambda session: session.archives.devices(own, after, DEVICES))

    async def _device(self, device: Mapping[str, Any], span: Span) -> list[Written]:
        device_id = device["id"]
        columns: Sequence[Column] = ()
        files: list[Written] = []
        reported = Reported(self._store, device_id, span)
        while await reported.more():
            columns = columns or await self._attributes(device)
            day = day_of(reported.next_ms)
            name = f"{self.application.id}-{device_id}-{day.start_ms}-{day.end_ms}"
            pages = partial(_states, reported, reported.next_ms, day.end_ms)
            begun = partial(self._form.states, device_id)
            key = f"{self.day_folder(day)}{name}{self._form.suffix}"
            files.append(await write_fitting(self._place, key, columns, begun, pages))
        return files

    async def _attributes(self, device: Mapping[str, Any]) -> Sequence[Column]:
        """Return a column for each attribute that a device has or ever reported."""
        names = await self._read(lambda session: session.archives.attributes(device["id"]))
        types = {each["name"]: each["dataType"] for each in device.get("attributes") or ()}
        return [Column(name, _TYPES.get(types.get(name, ""), "text")) for name in names]

    async def _table(self, table: Any, key: str) -> Written:
        columns = [
            *(_own_column(name) for name in ROW_COLUMNS),
            *(Column(each.name, _TYPES.get(each.data_type, "text")) for each in table.columns),
        ]

        def page(after: tuple[int, str]) -> Awaitable[Sequence[StoredLine]]:
            return self._read(lambda session: session.archives.rows(table.id, after, MOMENTS))

        return await self._one_file(key, columns, partial(_documents, page, (-1, "")))

    async def _one_file(
        self, key: str, columns: Sequence[Column], pages: Callable[[], AsyncIterator[Page]]
    ) -> Written:
        whole, begun = f"{key}{self._form.suffix}", self._form.documents
        return await write_fitting(self._place, whole, columns, begun, pages)

    async def _note(self, files: Sequence[Written], after: str) -> None:
        """Count files, and save the place now and then."""
        for file in files:
            self.totals = self.totals.with_file(file)
        self._after = after
        now_s = asyncio.get_running_loop().time()
        if now_s - self._saved_s >= _SAVE_S:
            await self._save()
            self._saved_s = now_s

    async def _save(self) -> None:
        totals = msgspec.to_builtins(self.totals)
        await self._task.save({"part": self._part, "after": self._after, "totals": totals})

    async def _read(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return await self._store.read(work)


class Reported:
    """What a device reported in a span, oldest first, read in pages."""

    def __init__(self, store: Store, device_id: str, span: Span) -> None:
        self.device_id = device_id
        self._store = store
        self._span = span
        self._page: Sequence[Moment] = ()
        self._over = False

    @property
    def next_ms(self) -> int:
        """The next moment, where there is more."""
        return self._page[0].time_ms

    async def more(self) -> bool:
        """Tell whether there is more."""
        if not self._page and not self._over:
            start_ms, end_ms = self._span.start_ms, self._span.end_ms
            self._page = await self._store.read(
                lambda s: s.archives.moments(self.device_id, start_ms, end_ms, MOMENTS)
            )
            self._over = len(self._page) < MOMENTS
            if self._page:
                self._span = Span(self._page[-1].time_ms + 1, end_ms)
        return bool(self._page)

    def back_to(self, start_ms: int) -> None:
        """Begin again with a moment; where that is the next one, nothing is read again."""
        if not self._page or self.next_ms != start_ms:
            self._page, self._over = (), False
            self._span = Span(start_ms, self._span.end_ms)

    async def upto(self, end_ms: int) -> AsyncIterator[Sequence[Moment]]:
        """Yield the pages up to a moment."""
        while await self.more() and self.next_ms <= end_ms:
            count = bisect_right(self._page, end_ms, key=_time)
            some, self._page = self._page[:count], self._page[count:]
            yield some


def _time(moment: Moment) -> int:
    return moment.time_ms


async def _states(reported: Reported, start_ms: int, end_ms: int) -> AsyncIterator[Page]:
    reported.back_to(start_ms)
    async for moments in reported.upto(end_ms):
        yield Page(moments, sum(each.points for each in moments))


async def opened(room: ArchiveRoom, task: Task) -> Archive:
    """Return the archive that a task writes; raises Invalid, Missing."""
    own = task.application_id

    async def work(session: Session) -> tuple[Application, Mapping[str, Any]]:
        application = await session.resources.get(APPLICATION, own, own)
        return application, await configured.credential_of(session, application)

    application, credential = await room.store.read(work)
    place = configured.place_of(configured.needed(application), room.places, credential)
    return Archive(room, place, task, application)


async def _documents(
    page: Callable[[tuple[int, str]], Awaitable[Sequence[StoredLine]]], after: tuple[int, str]
) -> AsyncIterator[Page]:
    while found := await page(after):
        yield Page(found)
        after = (found[-1].created_ms, found[-1].id)


def _own_column(name: str) -> Column:
    return Column(name, "time" if name in _TIMES else "text")
