"""When templates are due: their fields and window as a schedule, in the server's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import structs

from drover.model.beacon_job import BEACON
from drover.model.cron import ClockChange, rule_from
from drover.model.errors import Invalid
from drover.ports.schedules import Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULE_KIND: Final = BEACON
"""The kind of the schedules of templates; their ``ref`` is the template's number."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a template is due, as it was asked for: cron fields by name, a window in ms."""

    fields: Mapping[str, str]
    starts_ms: int | None = None
    ends_ms: int | None = None


class Timetable:
    """Makes the schedules of templates; ``tz`` is the zone of their fields."""

    def __init__(self, tz: str = "UTC") -> None:
        self.tz = tz

    def schedule(self, number: int, recurrence: Recurrence, now_ms: int) -> Schedule:
        """Return the schedule of a template that is made now; raises Invalid.

        TMM-compatible behaviour, section 5: the window begins now where nothing else is said.
        """
        starts_ms = now_ms if recurrence.starts_ms is None else recurrence.starts_ms
        if recurrence.ends_ms is not None and recurrence.ends_ms < starts_ms:
            raise Invalid("end_date must not be before start_date", field="end_date")
        made = Schedule(
            kind=SCHEDULE_KIND,
            ref=str(number),
            cron=rule_from(recurrence.fields).text,
            tz=self.tz,
            change=ClockChange.DROPPED,
            makes_up=True,
            starts_ms=starts_ms,
            ends_ms=recurrence.ends_ms,
        )
        return resumed(made, now_ms)


def resumed(schedule: Schedule, now_ms: int) -> Schedule:
    """Return a schedule that goes on from now; what was missed is not made up for."""
    next_ms = schedule.first_ms(now_ms)
    return structs.replace(schedule, active=next_ms is not None, next_due_ms=next_ms)


def coming(schedule: Schedule, now_ms: int, count: int) -> list[int]:
    """Return the next moments that a schedule is due, now included, within its window."""
    return list(islice(schedule.upcoming(schedule.first_ms(now_ms)), count))
