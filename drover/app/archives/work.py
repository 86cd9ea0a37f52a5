"""Writes archives: what devices reported, events, rows of data tables.

Each file is written as a whole, and again under the same name where a server died before it noted
the file; so an archive that was killed goes on, and none of its files is ever half there.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from drover.app.archives import config as configured
from drover.app.archives.files import Piece, Totals, Written, write
from drover.app.archives.lines import StateLines, flat, header
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.data_table import KIND as DATA_TABLE
from drover.model.instants import to_text
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from drover.kinds.application import Application
    from drover.ports.archives import Moment, Place, Places, StoredLine
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

    def __init__(self, store: Store, place: Place, task: Task, application: Application) -> None:
        self.application = application
        self.config = configured.needed(application)
        self.directory = configured.directory(application)
        self._store = store
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
                    *(self._device(each["id"], span) for each in some if chosen(each))
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

        pieces = _documents(page, (span.start_ms - 1, _LAST_ID), EVENT_COLUMNS)
        await self._note([await write(self._place, f"{key}.csv.gz", pieces)], "")

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
                key = f"{folder}{self.application.id}-{table.id}-{stamp_ms}.csv.gz"
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

    async def _device(self, device_id: str, span: Span) -> list[Written]:
        names: Sequence[str] = ()
        files: list[Written] = []
        reported = Reported(self._store, device_id, span)
        while await reported.more():
            names = names or await self._read(lambda s: s.archives.attributes(device_id))
            day = day_of(reported.next_ms)
            name = f"{self.application.id}-{device_id}-{day.start_ms}-{day.end_ms}.csv.gz"
            pieces = _states(reported, names, day.end_ms)
            files.append(await write(self._place, self.day_folder(day) + name, pieces))
        return files

    async def _table(self, table: Any, key: str) -> Written:
        columns = (*ROW_COLUMNS, *(column.name for column in table.columns))

        def page(after: tuple[int, str]) -> Awaitable[Sequence[StoredLine]]:
            return self._read(lambda session: session.archives.rows(table.id, after, MOMENTS))

        return await write(self._place, key, _documents(page, (-1, ""), columns))

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

    async def upto(self, end_ms: int) -> AsyncIterator[Sequence[Moment]]:
        """Yield the pages up to a moment."""
        while await self.more() and self.next_ms <= end_ms:
            count = bisect_right(self._page, end_ms, key=_time)
            some, self._page = self._page[:count], self._page[count:]
            yield some


def _time(moment: Moment) -> int:
    return moment.time_ms


async def _states(reported: Reported, names: Sequence[str], end_ms: int) -> AsyncIterator[Piece]:
    yield Piece(header(("ID", "Timestamp", "ISO Date", *names)), 0)
    lines = StateLines(f"{reported.device_id},", names)
    async for moments in reported.upto(end_ms):
        text = await asyncio.to_thread(lines.text, moments)
        yield Piece(text, len(moments), sum(each.points for each in moments))


async def opened(store: Store, places: Places, task: Task) -> Archive:
    """Return the archive that a task writes; raises Invalid, Missing."""
    own = task.application_id

    async def work(session: Session) -> tuple[Application, Mapping[str, Any]]:
        application = await session.resources.get(APPLICATION, own, own)
        return application, await configured.credential_of(session, application)

    application, credential = await store.read(work)
    place = configured.place_of(configured.needed(application), places, credential)
    return Archive(store, place, task, application)


async def _documents(
    page: Callable[[tuple[int, str]], Awaitable[Sequence[StoredLine]]],
    after: tuple[int, str],
    columns: Sequence[str],
) -> AsyncIterator[Piece]:
    yield Piece(header(columns), 0)
    while found := await page(after):
        text = await asyncio.to_thread(_lines, found, columns)
        yield Piece(text, len(found))
        after = (found[-1].created_ms, found[-1].id)


def _lines(found: Sequence[StoredLine], columns: Sequence[str]) -> str:
    return "".join(flat(msgspec.json.decode(each.document), columns) for each in found)
