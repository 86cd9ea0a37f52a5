"""Time Range: output 1 when a moment is within hours of certain days."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED
from drover.flows.language.dates import to_date
from drover.flows.node import Node
from drover.flows.visit import Thrown
from drover.model.cron import zone_of
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Days = Callable[[Any], frozenset[int]]
    """Returns the days that count, Sunday being 0."""

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_WEEK: Final = 7
_DAY_MINUTES: Final = 24 * 60
_EVERY: Final = frozenset(range(_WEEK))


def _compile(settings: Settings) -> Action:
    start = settings.template("startTimeTemplate")
    end = settings.template("endTimeTemplate")
    zone = settings.template("timeZoneTemplate")
    days = _days(settings)
    source = settings.path("sourcePath", default="time")
    write = settings.writer("branchPath", fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        moment = to_date(UNDEFINED if source is None else source.get(payload))
        if moment is None:
            raise Thrown("Validation", "The source is not a time")
        local = moment.astimezone(_zone(zone(payload)))
        inside = _is_within(
            local, _minutes(start(payload), "Start"), _minutes(end(payload), "End"), days(payload)
        )
        if write is not None:
            write(visit, inside)
        return 1 if inside else 0

    return Each(act)


def _is_within(local: datetime, start: int, end: int, days: frozenset[int]) -> bool:
    """Tell whether a local time is in a range of minutes that begins on one of the days."""
    minute = local.hour * 60 + local.minute
    if start == end:
        return _day(local) in days
    if start < end:
        return start <= minute < end and _day(local) in days
    if minute >= start:
        return _day(local) in days
    return minute < end and _day(local - timedelta(days=1)) in days


def _day(local: datetime) -> int:
    return local.isoweekday() % _WEEK


def _minutes(text: str, what: str) -> int:
    if not text.strip():
        return 0
    found = _CLOCK.fullmatch(text.strip())
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not found or int(found[2]) >= 60 or minutes > _DAY_MINUTES:  # noqa: PLR2004 - minutes
        raise Thrown("Validation", f"{what} time must be written HH:MM")
    return minutes % _DAY_MINUTES


def _zone(text: str) -> ZoneInfo:
    try:
        return zone_of(text.strip() or "UTC")
    except Invalid as error:
        raise Thrown("Validation", error.message) from error


def _days(settings: Settings) -> Days:
    kind = settings.literal("daysType", default="array", choices=("array", "path"))
    if kind == "path":
        path = settings.path("daysPath", required=True)
        return lambda payload: _chosen(UNDEFINED if path is None else path.get(payload))
    given = settings.config.get("days")
    if given is None:
        return lambda _payload: _EVERY
    if not _is_flags(given):
        settings.flaw("days", "Days must be seven booleans, Sunday first")
        return lambda _payload: _EVERY
    fixed = _chosen(given)
    return lambda _payload: fixed


def _is_flags(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) == _WEEK
        and all(isinstance(each, bool) for each in given)
    )


def _chosen(given: Any) -> frozenset[int]:
    """Return the days meant by seven booleans, or by a list of their numbers; raises Thrown."""
    if _is_flags(given):
        return frozenset(day for day, wanted in enumerate(given) if wanted)
    if isinstance(given, list) and all(each.__class__ is int and each in _EVERY for each in given):
        return frozenset(given)
    raise Thrown("Validation", "Days must be seven booleans or numbers from 0 to 6")


NODE = Node(type="TimeRangeNode", name="time-range", category="logic", outputs=2, compile=_compile)
