"""Date/Time: reckon with a moment, take it apart, or show it another way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from drover.flows import calendar
from drover.flows.actions import Action, Each
from drover.flows.date_reading import BadFormat, read_date
from drover.flows.language import UNDEFINED, to_number
from drover.flows.language.dates import date_ms, iso_text, to_date
from drover.flows.language.moment import format_date
from drover.flows.node import Node
from drover.flows.visit import Thrown
from drover.model.cron import zone_of
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Reckon = Callable[[Visit, datetime], Any]
    """Returns the result of an operation on a local time, a datetime where that is one."""

MOST: Final = 1e12
"""Of any unit that is added."""

_MOVING: Final = ("add", "subtract", "setDatePart")
_SIMPLE: Final[dict[str, Callable[[datetime], Any]]] = {
    "format": lambda moment: moment,
    "daysInMonth": calendar.days_in_month,
    "unixTimestampSeconds": lambda moment: date_ms(moment) // 1000,
    "unixTimestampMilliseconds": date_ms,
    "toArray": lambda moment: list(calendar.taken_apart(moment).values()),
    "toObject": calendar.taken_apart,
}
_OPERATIONS: Final = (*_MOVING, "getDatePart", "startOfTime", "diff", *_SIMPLE)


def _compile(settings: Settings) -> Action:
    operation = settings.literal("operation", choices=_OPERATIONS)
    if not settings.holds("operation"):
        settings.flaw("operation", "Operation is required", missing=True)
    zone = settings.template("timezone")
    read = _reading(settings, "sourcePath", "sourceFormatString")
    shape = settings.template("resultFormatString")
    reckon = _reckoning(settings, operation)
    write = settings.writer("resultPath", fresh=True)

    def act(visit: Visit) -> int:
        name = zone(visit.payload).strip() or "UTC"
        try:
            found = reckon(visit, read(visit, _zone(name)))
        except (OverflowError, ValueError) as error:
            raise Thrown("Validation", "The result is not a date") from error
        if isinstance(found, datetime):
            found = _shown(found, shape(visit.payload), name, as_text=operation == "format")
        if write is not None:
            write(visit, found)
        return 0

    return Each(act)


def _shown(moment: datetime, shape: str, zone: str, *, as_text: bool) -> Any:
    if shape:
        return format_date(moment, shape, zone)
    return iso_text(moment) if as_text else moment.astimezone(UTC)


def _reading(settings: Settings, key: str, shape_key: str) -> Callable[[Visit, ZoneInfo], datetime]:
    """Return what reads a moment as local time; that of the run where no path is given."""
    path = settings.path(key)
    shape = settings.template(shape_key)

    def read(visit: Visit, zone: ZoneInfo) -> datetime:
        given = visit.run.now_ms() if path is None else path.get(visit.payload)
        text = shape(visit.payload)
        try:
            if isinstance(given, str) and text:
                found = read_date(given, text, zone)
            else:
                found = to_date(given)
        except BadFormat as error:
            raise Thrown("Validation", str(error)) from error
        if found is None:
            raise Thrown("Validation", "The source is not a date")
        return calendar.on_the_clock(found.astimezone(zone))

    return read


def _reckoning(settings: Settings, operation: str) -> Reckon:
    if operation == "diff":
        other = _reading(settings, "diffDataPath", "diffDataFormatString")
        zone = settings.template("timezone")
        return lambda visit, moment: (
            date_ms(moment) - date_ms(other(visit, _zone(zone(visit.payload).strip() or "UTC")))
        )
    unit = settings.literal("unit", default="day", choices=calendar.UNITS)
    if operation in _MOVING:
        number = settings.template("numberValue", required=True)
        return lambda visit, moment: _moved(operation, moment, _number(number(visit.payload)), unit)
    if operation == "getDatePart":
        return lambda _visit, moment: calendar.part(moment, unit)
    if operation == "startOfTime":
        return lambda _visit, moment: calendar.start_of(moment, unit)
    simple = _SIMPLE.get(operation, iso_text)
    return lambda _visit, moment: simple(moment)


def _moved(operation: str, moment: datetime, number: float, unit: str) -> datetime:
    if operation == "setDatePart":
        return calendar.with_part(moment, unit, round(number))
    return calendar.shifted(moment, number if operation == "add" else -number, unit)


def _number(text: str) -> float:
    number = to_number(text.strip() or UNDEFINED)
    if not abs(number) <= MOST:
        raise Thrown("Validation", "Number value must be a number")
    return number


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_of(name)
    except Invalid as error:
        raise Thrown("Validation", error.message) from error


NODE = Node(type="DateTimeNode", name="date-time", category="logic", compile=_compile)
