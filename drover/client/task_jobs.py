"""Queue jobs made of tasks, and see what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from drover.client.line import Line
from drover.client.task_records import BeaconJob, LogLine, Schedule, SeenBeacon

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JOBS: Final = "/api/jobs"
BEACONS: Final = "/api/beacons"


FIELDS: Final = ("min", "hour", "dom", "month", "dow")
"""The fields of a schedule, in the order of classic cron."""

_NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Cron(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a schedule is due, in classic cron fields; what is left out is ``*``, ``min`` is 0.

    ``start_date`` and ``end_date`` are seconds since 1970 and both inclusive.
    """

    min: str | UnsetType = UNSET
    hour: str | UnsetType = UNSET
    dom: str | UnsetType = UNSET
    month: str | UnsetType = UNSET
    dow: str | UnsetType = UNSET
    start_date: int | UnsetType = UNSET
    end_date: int | UnsetType = UNSET

    @classmethod
    def of(cls, text: str, *, start_date: int | None = None, end_date: int | None = None) -> Cron:
        """Return what a text says: five fields, ``hour=3 dow=1-5`` by name, or ``@daily``.

        Raises ValueError for a text of another form; what the fields say the server checks.
        """
        words = _NAMED.get(text.strip().lower(), text).split()
        pairs = [word.partition("=") for word in words]
        named = {name: value for name, equals, value in pairs if equals}
        if not named and len(words) == len(FIELDS):
            named = dict(zip(FIELDS, words, strict=True))
        elif not named or len(named) < len(words) or not named.keys() <= set(FIELDS):
            raise ValueError(
                f"a schedule has five fields ({' '.join(FIELDS)}), some of them by name"
                " (hour=3 dow=1-5), or is a name such as @daily"
            )
        window = {"start_date": start_date, "end_date": end_date}
        given = {name: value for name, value in window.items() if value is not None}
        return msgspec.convert({**named, **given}, cls)


class NewJob(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job to be made; what is left out is as the server has it by default.

    ``queue`` False stores the job without queueing it. With ``cron`` it is a schedule, which adds
    a job like this one whenever it is due. ``lease`` (0: none) and the like are in seconds.
    """

    name: str
    tasks: list[Any] = []
    beacon_name: str = "default"
    queue: bool = True
    q_time: int | None = None
    cron: Cron | None = None
    user_id: int | None = None
    user_guid: str | None = None
    duplicate_of: int | None = None
    priority: int | None = None
    unique_key: str | None = None
    unique_for: int | None = None
    max_attempts: int | None = None
    retry_delay: int | None = None
    timeout: int | None = None
    lease: int | None = None
    labels: list[str] = []
    callback_url: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return it as the server wants it."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        cron = fields.pop("cron", None)
        queue = fields.pop("queue", True)
        if cron is not None:
            fields |= {"schedule": True, **cron}
        elif self.q_time is None or not queue:
            fields["q"] = queue
        if self.labels:
            fields["labels"] = ",".join(self.labels)
        return {name: value for name, value in fields.items() if value is not None}


class TaskJobs(Line):
    """The jobs a userkey may see.

    Every method raises ClientError when the server refuses and ServerUnreachable when it is away.
    """

    def create(self, job: NewJob) -> BeaconJob:
        """Store a job and return it."""
        return self.post(BeaconJob, JOBS, "create", job.fields())

    def create_all(self, jobs: Iterable[NewJob]) -> list[BeaconJob]:
        """Store several jobs in one go and return them in order."""
        return self.post(list[BeaconJob], JOBS, "create", [job.fields() for job in jobs])

    def list(self, **wanted: object) -> Sequence[BeaconJob]:
        """Return the jobs whose properties equal all that is given, first in first.

        An empty text finds what is unset; ``limit`` and ``offset`` page.
        """
        return self.get(list[BeaconJob], JOBS, action="list", **wanted)

    def show(self, job_id: int) -> BeaconJob:
        """Return one job with its tasks and results."""
        return self.get(BeaconJob, f"{JOBS}/{job_id}", action="show")

    def log(self, job_id: int, *, after: int = 0) -> Sequence[LogLine]:
        """Return the lines told about a job, those after number ``after``."""
        return self.get(list[LogLine], f"{JOBS}/{job_id}/log", after=after)

    def cancel(self, job_id: int) -> BeaconJob:
        """Ask for the end of a job: at once when nobody works on it, else by its beacon."""
        return self.post(BeaconJob, f"{JOBS}/{job_id}", "cancel", {})

    def schedules(self) -> Sequence[Schedule]:
        """Return the templates that add jobs by the clock."""
        return self.get(list[Schedule], f"{JOBS}/scheduled", action="list")

    def switch_schedule(self, job_id: int, *, active: bool) -> BeaconJob:
        """Turn a template on or off; turning it on makes up for nothing."""
        return self.post(BeaconJob, f"{JOBS}/{job_id}", "update", {"schedule_active": active})

    def trigger(self, job_id: int) -> BeaconJob:
        """Add a job of a template now, and return it."""
        return self.post(BeaconJob, f"{JOBS}/{job_id}", "trigger", {})

    def beacons(self) -> Sequence[SeenBeacon]:
        """Return the workers that take jobs, as far as the userkey may see them."""
        return self.get(list[SeenBeacon], BEACONS)

    def pause(self, beacon_name: str) -> None:
        """Hand out no more jobs of a beacon name."""
        self.post(object, JOBS, "pause", {"beacon_name": beacon_name})

    def resume(self, beacon_name: str) -> None:
        """Hand out jobs of a beacon name again."""
        self.post(object, JOBS, "resume", {"beacon_name": beacon_name})
