"""What devices reported over time, asked for by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.host.devices import chosen
from drover.app.series import MOST_BUCKETS, NONE, Aggregation, Range, aggregated, size_of
from drover.kinds.device import KIND
from drover.model.errors import Invalid, TooLarge
from drover.model.fields import is_id
from drover.model.instants import to_text
from drover.ports.reports import MOST_BYTES, Span, up_to
from drover.ports.resources import Listing
from drover.query.filters import devices_listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.kinds.device import Device
    from drover.ports.store import Session
    from drover.query.tree import Node

    Moments = Mapping[str, Sequence[tuple[int, dict[str, Any]]]]
    """What each device reported, moment by moment, oldest first."""

MOST_DEVICES: Final = 1000
MOST_MOMENTS: Final = 100_000
"""Moments of all devices that one request may look at."""


async def _query(asking: Asking, request: Request) -> Any:
    """Return series, single values, or the values as they were reported."""
    query = await _devices(asking, request)

    async def work(session: Session) -> Any:
        now_ms = await session.now_ms()
        listing = Listing(sort_field="id", limit=MOST_DEVICES + 1, query=query)
        page = await session.resources.page(KIND, asking.application_id, listing)
        if len(page.items) > MOST_DEVICES:
            raise TooLarge(f"At most {MOST_DEVICES} devices can be asked at once")
        if request["duration"] is None:
            return await _newest(session, request, page.items, up_to(_end_ms(request, now_ms)))
        within = _range(request, now_ms)
        if request["aggregation"] == NONE:
            return await _plain(session, request, page.items, within)
        moments = await _moments(session, page.items, within, request["attributes"])
        return _gathered(request, moments, within)

    return await asking.store.read(work)


async def _devices(asking: Asking, request: Request) -> Node:
    if request["method"] == "listed":
        return devices_listed([each for each in request["ids"] if is_id(each)], request["tags"])
    return await chosen(asking, request)


def _range(request: Request, now_ms: int) -> Range:
    resolution = request.get("resolution")
    if request["aggregation"] == NONE:  # there are no buckets, so that none begins later
        resolution = None
    within = Range(
        end_ms=_end_ms(request, now_ms),
        duration_ms=max(1, int(request["duration"])),
        resolution_ms=None if resolution is None else max(1, int(resolution)),
    )
    if within.count > MOST_BUCKETS:
        raise Invalid(f"There may be at most {MOST_BUCKETS} buckets")
    return within


def _end_ms(request: Request, now_ms: int) -> int:
    end = request.get("end")
    return now_ms if end is None else int(end)


async def _moments(
    session: Session, devices: Sequence[Device], within: Range, attributes: Sequence[str]
) -> Moments:
    found: dict[str, Sequence[tuple[int, dict[str, Any]]]] = {}
    left, left_bytes = MOST_MOMENTS, MOST_BYTES
    for device in devices:
        span = Span(
            start_ms=within.start_ms,
            end_ms=within.end_ms,
            limit=left + 1,
            descending=False,
            most_bytes=left_bytes,
        )
        found[device.id] = await session.reports.moments(device.id, span, attributes)
        left -= len(found[device.id])
        left_bytes -= size_of(found[device.id])
        if left < 0:
            raise TooLarge(f"More than {MOST_MOMENTS} moments are in the range")
    return found


async def _newest(session: Session, request: Request, devices: Sequence[Device], span: Span) -> Any:
    """Return the newest value of each attribute within a span, of all devices or of each."""
    wanted = set(request["attributes"])
    ids = [device.id for device in devices]
    readings = await session.reports.latest(ids, span, request["attributes"])
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for each_reading in sorted(readings, key=lambda reading: reading.time_ms):
        if each_reading.attribute in wanted:
            of = each_reading.device_id if request["perDevice"] else ""
            point = _point(each_reading.time_ms, each_reading.value)
            found.setdefault(of, {})[each_reading.attribute] = point
    shown = {of: _only(request, points) for of, points in found.items()}
    return shown if request["perDevice"] else shown.get("", {})


def _gathered(request: Request, moments: Moments, within: Range) -> Any:
    """Return what is aggregated over all devices, or of each."""
    groups: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for device_id, found in moments.items():
        groups.setdefault(device_id if request["perDevice"] else "", []).extend(found)
    wanted = Aggregation(request["aggregation"], request["held"])
    shown: dict[str, Any] = {}
    for of, found in groups.items():
        found.sort(key=lambda moment: moment[0])
        points = {
            name: aggregated(
                [(at, data[name]) for at, data in found if name in data], within, wanted
            )
            for name in request["attributes"]
        }
        told = {name: _told(request, each, within) for name, each in points.items() if each}
        if told:
            shown[of] = _only(request, told)
    return shown if request["perDevice"] else shown.get("", {})


def _told(request: Request, points: Sequence[tuple[int, Any]], within: Range) -> Any:
    """Return the points of a series, or the one value of a range."""
    if request["single"]:
        return _point(within.end_ms, points[-1][1])
    return [_point(time_ms, value) for time_ms, value in points]


def _only(request: Request, by_attribute: dict[str, Any]) -> Any:
    """Return what belongs to the one attribute that was asked for, or to each of several."""
    if len(request["attributes"]) == 1:
        return by_attribute[request["attributes"][0]]
    return by_attribute


async def _plain(
    session: Session, request: Request, devices: Sequence[Device], within: Range
) -> dict[str, Any]:
    limit, left_bytes = request["limit"], MOST_BYTES
    shown: dict[str, Any] = {}
    for device in devices:
        span = Span(
            start_ms=within.start_ms,
            end_ms=within.end_ms,
            limit=limit + 1,
            descending=request["order"] == "desc",
            most_bytes=left_bytes,
        )
        found = await session.reports.moments(device.id, span, request["attributes"])
        left_bytes -= size_of(found)
        points = [
            {"time": {"$date": to_text(time_ms)}, "data": data} for time_ms, data in found[:limit]
        ]
        tags: dict[str, list[str]] = {}
        for tag in device.tags:
            tags.setdefault(tag.key, []).append(tag.value)
        more = {"limitExceeded": True} if len(found) > limit else {}
        shown[device.id] = {"name": device.name, "tags": tags, "points": points, **more}
    return {
        "start": {"$date": to_text(within.start_ms)},
        "end": {"$date": to_text(within.end_ms)},
        "resolution": request.get("resolution"),
        "aggregation": NONE,
        "limit": limit,
        "order": request["order"],
        "devices": shown,
    }


def _point(time_ms: int, value: Any) -> dict[str, Any]:
    return {"time": {"$date": to_text(time_ms)}, "value": value}


OPERATIONS = HostOperations({"series.query": each(_query)})
