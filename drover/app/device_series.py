"""Questions about what many devices reported over time: their last values, and series.

A question may look at a bounded number of devices, values and buckets. Losant-compatible
behaviour, where it is silent see ``docs/explanation/decisions/0038``.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from drover.app.devices import sight
from drover.app.series import MOST_BUCKETS, NONE, Aggregation, Range, aggregated, size_of
from drover.kinds.device import KIND
from drover.model.errors import Invalid, TooLarge
from drover.model.instants import LAST_MS, to_text
from drover.ports.reports import MOST_BYTES, Span, up_to
from drover.ports.resources import Listing
from drover.query.tree import all_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drover.kinds.device import Device
    from drover.model.access import Caller
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

    Moments = Sequence[tuple[int, dict[str, Any]]]
    """Moments in ms with what was reported then, by attribute."""

MOST_DEVICES: Final = 1000
MOST_VALUES: Final = 100_000
"""Values of all devices that one question may look at."""
_PIECE: Final = 10_000
MOST_POINTS: Final = 25_000
"""Points of one device that are shown as they were reported."""
_PLAIN: Final = Aggregation(NONE)
USUAL_MS: Final = 3_600_000
"""How long a range is that nobody gave a beginning or a duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The range of a question: ``end`` and ``start`` of 0 are now, negative ones ages in ms."""

    end: float = 0
    start: float | None = None
    duration: float | None = None
    resolution: float | None = None

    def span_ms(self, now_ms: int) -> tuple[int, int]:
        """Return the first and the last moment; raises Invalid where there is none."""
        end_ms = _moment(self.end, now_ms)
        lasts = USUAL_MS if self.duration is None else max(1, int(self.duration))
        if self.start is not None:
            start_ms = _moment(self.start, now_ms)
            if self.duration is not None and not self.end:
                end_ms = min(start_ms + lasts, LAST_MS)
        else:
            start_ms = max(0, end_ms - lasts)
        if start_ms >= end_ms:
            raise Invalid("start must be before end", field="start")
        return start_ms, end_ms

    def buckets(self, now_ms: int) -> Range:
        """Return the buckets; raises Invalid where they are too many.

        What ends where a bucket begins does not reach into it. What has a beginning has the whole
        bucket of that beginning.
        """
        start_ms, end_ms = self.span_ms(now_ms)
        if self.resolution is None:
            return Range(end_ms=end_ms, duration_ms=end_ms - start_ms)
        length = max(1, int(self.resolution))
        if self.start is not None:
            start_ms -= start_ms % length
        within = Range(
            end_ms=end_ms - (end_ms % length == 0),
            duration_ms=end_ms - start_ms,
            resolution_ms=length,
        )
        if within.count > MOST_BUCKETS:
            raise Invalid(f"There may be at most {MOST_BUCKETS} buckets", field="resolution")
        return within


def _moment(given: float, now_ms: int) -> int:
    """Return a moment: 0 is now, negative numbers are relative to it."""
    return max(0, now_ms + int(given)) if given <= 0 else min(int(given), LAST_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesQuestion:
    """What is asked of the values of some devices; no ``attributes`` means all they have."""

    devices: Node
    window: Window
    wanted: Aggregation = _PLAIN
    attributes: frozenset[str] = frozenset()
    limit: int = 1000
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """One device with what became of its values, in the order that was asked for."""

    device: Device
    points: Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The range that was looked at, and what is told of each device."""

    start_ms: int
    end_ms: int
    devices: Sequence[Told]


class DeviceSeries:
    """Answers questions about values within the caller's sight."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def last_values(
        self, caller: Caller, application_id: str, devices: Node, attribute: str, end: float = 0
    ) -> dict[str, dict[str, Any]]:
        """Return the newest value of an attribute, up to ``end``, by device; raises TooLarge."""

        async def work(session: Session) -> dict[str, dict[str, Any]]:
            span = up_to(_moment(end, await session.now_ms()))
            found = await _devices(session, caller, application_id, devices)
            ids = [each.id for each in found]
            readings = await session.reports.latest(ids, span, [attribute])
            return {
                each.device_id: {
                    "time": to_text(each.time_ms),
                    "data": {each.attribute: each.value},
                }
                for each in readings
            }

        return await self._store.read(work)

    async def series(self, caller: Caller, application_id: str, asked: SeriesQuestion) -> Series:
        """Return values as they were reported, or aggregated by bucket.

        Raises Invalid for a range that cannot be, TooLarge for more than may be looked at.
        """

        async def work(session: Session) -> tuple[int, Range, list[Told]]:
            now_ms = await session.now_ms()
            within = _range(asked, now_ms)
            devices = await _devices(session, caller, application_id, asked.devices)
            found = await _all_moments(session, devices, asked, within)
            return asked.window.span_ms(now_ms)[1], within, found

        end_ms, within, found = await self._store.read(work)
        if asked.wanted.name != NONE:
            found = await to_thread(_all_gathered, found, asked, within)
        return Series(start_ms=within.start_ms, end_ms=end_ms, devices=found)


def _range(asked: SeriesQuestion, now_ms: int) -> Range:
    if asked.wanted.name == NONE:
        start_ms, end_ms = asked.window.span_ms(now_ms)
        return Range(end_ms=end_ms, duration_ms=end_ms - start_ms)
    return asked.window.buckets(now_ms)


async def _devices(
    session: Session, caller: Caller, application_id: str, devices: Node
) -> Sequence[Device]:
    query = all_of([sight(caller), devices])
    listing = Listing(sort_field="id", limit=MOST_DEVICES + 1, query=query, counted=False)
    page = await session.resources.page(KIND, application_id, listing)
    if len(page.items) > MOST_DEVICES:
        raise TooLarge(f"At most {MOST_DEVICES} devices can be asked at once")
    return page.items


async def _all_moments(
    session: Session, devices: Iterable[Device], asked: SeriesQuestion, within: Range
) -> list[Told]:
    plain, left = asked.wanted.name == NONE, _Left(MOST_VALUES, MOST_BYTES)
    span = Span(
        start_ms=within.start_ms,
        end_ms=within.end_ms,
        limit=asked.limit if plain else MOST_VALUES + 1,
        descending=plain and asked.descending,
    )
    found: list[Told] = []
    for device in devices:
        names = sorted(_names(device, asked.attributes))
        moments = await _moments(session, device.id, span, names, left) if names else []
        found.append(Told(device, moments))
    return found


async def _moments(
    session: Session, device_id: str, span: Span, names: Sequence[str], left: _Left
) -> Moments:
    """Return what a device reported, read piece by piece so that no more is held than may be."""
    found: list[tuple[int, dict[str, Any]]] = []
    piece = max(1, _PIECE // len(names))
    while len(found) < span.limit:
        size = min(piece, span.limit - len(found))
        part = replace(span, limit=size, most_bytes=left.bytes)
        read = await session.reports.moments(device_id, part, names)
        found += read
        left.take(read)
        if len(read) < size:
            break
        span = _after(span, read[-1][0])
    return found


@dataclass(slots=True)
class _Left:
    """What one question may still bring into memory."""

    values: int
    bytes: int

    def take(self, moments: Moments) -> None:
        """Count what was read; raises TooLarge for more values than may be."""
        self.values -= sum(len(values) for _, values in moments)
        self.bytes -= size_of(moments)
        if self.values < 0:
            raise TooLarge(f"More than {MOST_VALUES} values are in the range")


def _after(span: Span, time_ms: int) -> Span:
    """Return what is left of a span behind a moment; its limit stays."""
    if span.descending:
        return replace(span, end_ms=time_ms - 1)
    return replace(span, start_ms=time_ms + 1)


def _names(device: Device, wanted: frozenset[str]) -> Iterable[str]:
    names = {each.name for each in device.attributes}
    return names & wanted if wanted else names


def _all_gathered(found: Iterable[Told], asked: SeriesQuestion, within: Range) -> list[Told]:
    return [replace(each, points=_gathered(each.points, asked, within)) for each in found]


def _gathered(moments: Moments, asked: SeriesQuestion, within: Range) -> Moments:
    buckets: dict[int, dict[str, Any]] = {}
    for name in sorted({name for _, values in moments for name in values}):
        points = [(time_ms, values[name]) for time_ms, values in moments if name in values]
        for bucket_ms, value in aggregated(points, within, asked.wanted):
            buckets.setdefault(bucket_ms, {})[name] = value
    return sorted(buckets.items(), reverse=asked.descending)
