"""Schedules of resource jobs, and the moments they run at, as they are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from drover.app.schedules.definition import kept, outcome_of
from drover.model.cron import zone_of
from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.app.schedules.definition import JobSchedule
    from drover.ports.schedules import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(NamedTuple):
    """A moment at which a schedule runs, in ms, and the zone whose local time decides it."""

    at_ms: int
    zone: str

    @property
    def shown(self) -> dict[str, str]:
        """The moment in UTC and as the clocks of its zone tell it."""
        there = (_EPOCH + timedelta(milliseconds=self.at_ms)).astimezone(zone_of(self.zone))
        return {
            "at": to_text(self.at_ms),
            "localTime": there.isoformat(timespec="seconds"),
            "tz": self.zone,
        }


def shown(row: Schedule, next_ms: int | None) -> dict[str, Any]:
    """Return a schedule; what it does not have is left out."""
    schedule, outcome = kept(row), outcome_of(row)
    schedule_id = row.ref.partition("/")[2]
    answer = {
        "id": schedule_id,
        "scheduleId": schedule_id,
        "applicationId": row.application_id,
        "resourceJobId": row.owner,
        "name": schedule.name,
        **_timing(schedule),
        "tz": schedule.tz,
        "localTimeTag": schedule.local_time_tag,
        "startDate": _text(row.starts_ms),
        "endDate": _text(row.ends_ms),
        "active": row.active,
        "overlap": schedule.overlap,
        "executionOptions": msgspec.to_builtins(schedule.options),
        "creationDate": to_text(schedule.created_ms),
        "lastUpdated": to_text(schedule.updated_ms),
        "lastUpdatedById": schedule.author.id,
        "lastUpdatedByType": schedule.author.type,
        "nextRun": _text(next_ms),
    }
    if outcome is not None:
        answer |= {
            "lastRun": to_text(outcome.run_ms),
            "lastExecutionId": outcome.execution_id,
            "lastError": outcome.error,
        }
    return {name: value for name, value in answer.items() if value is not None}


def _timing(schedule: JobSchedule) -> dict[str, Any]:
    timing = schedule.timing
    return {"cron": timing.cron, "seconds": timing.seconds, **(timing.fields or {})}


def _text(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else to_text(moment_ms)
