"""A schedule of a resource job as callers give it, and as it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.app.jobs.execute import ExecuteBody
from drover.model.cron import (
    FIELDS,
    LONGEST_RULE,
    ClockChange,
    CronRule,
    lookout_of,
    rule_from,
    rule_of,
    zone_of,
)
from drover.model.errors import Invalid
from drover.model.fields import Key, Moment, Name
from drover.model.instants import to_ms
from drover.model.run import RESOURCE_JOB, Actor
from drover.model.schedule import Recurrence

if TYPE_CHECKING:
    from drover.ports.schedules import Schedule

T = TypeVar("T")

KIND: Final = RESOURCE_JOB
"""The kind of the schedules of resource jobs; their ``ref`` is the job's id, a slash, their own."""

LONGEST_INTERVAL_S: Final = 31_622_400
"""Seconds of a leap year: the longest interval."""

DEVICE: Final = "device"

_CronText = Annotated[str, Meta(max_length=LONGEST_RULE)]
_CronField = Annotated[str, Meta(max_length=LONGEST_RULE)] | Annotated[int, Meta(ge=0, le=59)]
_FIVE: Final = 5


class ScheduleBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given to make or change a schedule; null takes a value away.

    One of: ``cron`` (five fields), fields of a rule by name, ``seconds``.
    """

    name: Name | UnsetType | None = UNSET
    cron: _CronText | UnsetType = UNSET
    minute: _CronField | UnsetType = msgspec.field(name="min", default=UNSET)
    hour: _CronField | UnsetType = UNSET
    dom: _CronField | UnsetType = UNSET
    month: _CronField | UnsetType = UNSET
    dow: _CronField | UnsetType = UNSET
    seconds: Annotated[float, Meta(gt=0, le=LONGEST_INTERVAL_S)] | UnsetType = UNSET
    tz: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    start_date: Moment | UnsetType | None = UNSET
    end_date: Moment | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    overlap: Literal["skip", "queue"] | UnsetType = UNSET
    execution_options: ExecuteBody | UnsetType | None = UNSET
    local_time_tag: Key | UnsetType | None = UNSET

    def timing(self) -> Timing | None:
        """Return when it is due as far as that was given; raises Invalid."""
        named = (self.minute, self.hour, self.dom, self.month, self.dow)
        fields = {
            name: str(value)
            for name, value in zip(FIELDS, named, strict=True)
            if value is not UNSET
        }
        given = (self.cron is not UNSET, bool(fields), self.seconds is not UNSET)
        if sum(given) > 1:
            raise Invalid(
                "Only one of a rule, fields of one and seconds may be given at `cron`", field="cron"
            )
        return (
            Timing(_or_none(self.cron), fields or None, _or_none(self.seconds))
            if any(given)
            else None
        )


class Timing(Struct, frozen=True, array_like=True):
    """When something is due, as it was given: a rule as one text or by fields, or an interval."""

    cron: str | None = None
    fields: dict[str, str] | None = None
    seconds: float | None = None

    @property
    def rule(self) -> CronRule | None:
        """The rule, None for an interval; raises Invalid naming the wrong field."""
        if self.seconds is not None:
            return None
        if self.cron is None:
            return rule_from(self.fields or {}, ClockChange.MOVED)
        rule = rule_of(self.cron)
        if len(rule.text.split()) != _FIVE:
            raise Invalid(
                "A rule of five fields is needed: jobs are not run by the second", field="cron"
            )
        return rule


class JobSchedule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule of a resource job, as it is kept beside what the store knows of every schedule.

    With ``local_time_tag`` devices are run over in their own time: a tag of that key names the
    zone. ``author`` saved it last; moments are milliseconds since 1970.
    """

    timing: Timing
    author: Actor
    created_ms: int
    updated_ms: int
    name: str | None = None
    tz: str = "UTC"
    overlap: Literal["skip", "queue"] = "skip"
    options: ExecuteBody = ExecuteBody()
    local_time_tag: str | None = None

    def recurrence(self, row: Recurrence, zone: str | None = None) -> Recurrence:
        """Return when it is due: in a zone, or in its own one. The window is that of ``row``."""
        rule = self.timing.rule
        return Recurrence(
            cron=None if rule is None else rule.text,
            seconds=self.timing.seconds,
            tz=zone or self.tz,
            starts_ms=row.starts_ms,
            ends_ms=row.ends_ms,
        )

    def watched(self, row: Schedule) -> Schedule:
        """Return the schedule as the store is to watch it: when somebody may be due by it."""
        rule = self.timing.rule
        if rule is None or self.local_time_tag is None:
            when = self.recurrence(row)
        else:
            when = Recurrence(cron=lookout_of(rule).text)
        return structs.replace(
            row,
            cron=when.cron,
            seconds=when.seconds,
            tz=when.tz,
            detail=msgspec.json.encode(self),
        )


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of the last run of a schedule."""

    run_ms: int
    execution_id: str | None = None
    error: str | None = None


_JOB_SCHEDULE: Final = msgspec.json.Decoder(JobSchedule)
_OUTCOME: Final = msgspec.json.Decoder(Outcome)


def kept(row: Schedule) -> JobSchedule:
    """Return what is kept of a schedule of a resource job."""
    return _JOB_SCHEDULE.decode(row.detail)


def outcome_of(row: Schedule) -> Outcome | None:
    """Return what came of the last run of a schedule; None before the first one."""
    return None if row.outcome is None else _OUTCOME.decode(row.outcome)


def changed(old: JobSchedule | None, body: ScheduleBody, author: Actor, now_ms: int) -> JobSchedule:
    """Return a schedule with what was given in place; raises Invalid naming the field."""
    timing = body.timing() or (old.timing if old else None)
    if timing is None:
        raise Invalid(
            "When it runs is missing: fields such as hour, seconds, or a rule at `cron`",
            field="cron",
        )
    before = old or JobSchedule(timing=timing, author=author, created_ms=now_ms, updated_ms=now_ms)
    options = _given(body.execution_options, before.options)
    new = structs.replace(
        before,
        timing=timing,
        author=author,
        updated_ms=now_ms,
        name=_given(body.name, before.name),
        tz=before.tz if body.tz is UNSET else body.tz,
        overlap=before.overlap if body.overlap is UNSET else body.overlap,
        options=options or ExecuteBody(),
        local_time_tag=_given(body.local_time_tag, before.local_time_tag),
    )
    _check(new)
    if new.local_time_tag is not None and timing.seconds is not None:
        raise Invalid(
            "Local times need a cron rule, not seconds, at `localTimeTag`", field="localTimeTag"
        )
    return new


def _check(schedule: JobSchedule) -> None:
    try:
        zone_of(schedule.tz)
        schedule.timing.rule  # noqa: B018 - reading it checks it
    except Invalid as error:
        raise Invalid(f"{error.message} at `{error.field}`", field=error.field) from error


def window(body: ScheduleBody, old: Recurrence) -> tuple[int | None, int | None]:
    """Return the first and the last moment of a schedule's window; raises Invalid."""
    starts_ms = _moment_ms(body.start_date, old.starts_ms, "startDate")
    ends_ms = _moment_ms(body.end_date, old.ends_ms, "endDate")
    if starts_ms is not None and ends_ms is not None and ends_ms < starts_ms:
        raise Invalid("The end lies before the start at `endDate`", field="endDate")
    return starts_ms, ends_ms


def _moment_ms(given: str | UnsetType | None, old: int | None, field: str) -> int | None:
    if given is UNSET or given is None:
        return old if given is UNSET else None
    try:
        return to_ms(given)
    except Invalid as error:
        raise Invalid(f"{error.message} at `{field}`", field=field) from error


def _given(value: T | UnsetType | None, old: T | None) -> T | None:
    return old if value is UNSET else value


def _or_none(value: T | UnsetType) -> T | None:
    return None if value is UNSET else value
