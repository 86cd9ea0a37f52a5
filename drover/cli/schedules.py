"""Schedules of resource jobs: see when jobs run by themselves, and decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import App, Parameter
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client

GROUP = App(name="schedules", help="Schedules: when resource jobs run by themselves.")

FIELDS: Final = ("min", "hour", "dom", "month", "dow")
SHOWN: Final = 20


@GROUP.command(name="list")
def list_(job: str | None = None, *, application: str | None = None) -> None:
    """List the schedules of a job, or of all jobs of an application."""
    table = Listing("id", "job", "name", "when", "zone", "next run", "last run", "error")
    with _session.connect() as client:
        for owner, item in _schedules(client, _jobs(client, application), job):
            table.add_row(
                item["id"],
                owner,
                item.get("name", ""),
                _when(item),
                f"{item['tz']} or of each device" if "localTimeTag" in item else item["tz"],
                item.get("nextRun", "paused" if not item["active"] else ""),
                item.get("lastRun", "never"),
                item.get("lastError", ""),
            )
    table.show()


@GROUP.command
def show(job: str, schedule: str, *, application: str | None = None) -> None:
    """Show one schedule as the server keeps it."""
    with _session.connect() as client:
        path = _one(client, application, job, schedule)
        Console().print_json(data=client.get(path))


@GROUP.command
def preview(job: str, schedule: str, *, count: int = SHOWN, application: str | None = None) -> None:
    """Show when a schedule runs next, in UTC and in local time."""
    table = Listing("UTC", "local time", "zone")
    with _session.connect() as client:
        path = _one(client, application, job, schedule)
        for item in client.get(f"{path}/preview", count=count)["items"]:
            table.add_row(item["at"], item["localTime"], item["tz"])
    table.show()


@GROUP.command
def create(  # noqa: PLR0913 - the fields of a schedule, each a flag of its own
    job: str,
    *,
    name: str | None = None,
    cron: str | None = None,
    minute: Annotated[str | None, Parameter(name="--min")] = None,
    hour: str | None = None,
    dom: str | None = None,
    month: str | None = None,
    dow: str | None = None,
    seconds: float | None = None,
    tz: str | None = None,
    start: str | None = None,
    end: str | None = None,
    overlap: Literal["skip", "queue"] | None = None,
    local_time_tag: str | None = None,
    context: str | None = None,
    application: str | None = None,
) -> None:
    """Let a job run by itself: by a cron rule, by fields of one, or every so many seconds.

    Parameters
    ----------
    job
        Name or id.
    name
        What to call the schedule.
    cron
        A rule of five fields: minute, hour, day of the month, month, day of the week.
    minute
        Minutes of the hour; 0 when only other fields are given.
    hour
        Hours of the day.
    dom
        Days of the month.
    month
        Months, by number or name.
    dow
        Days of the week, by number or name.
    seconds
        The interval, in place of a rule.
    tz
        Time zone of the rule.
    start
        First moment at which it may run.
    end
        Last moment at which it may run.
    overlap
        Whether a run that is due while the one before it runs is skipped or waits.
    local_time_tag
        Key of a device tag that names the time zone of each device.
    context
        JSON that replaces the job's default context.
    application
        Name or id; may be left out when there is one.

    """
    fields = dict(zip(FIELDS, (minute, hour, dom, month, dow), strict=True))
    window = {"startDate": start, "endDate": end}
    given = {"name": name, "cron": cron, "seconds": seconds, "tz": tz, "overlap": overlap}
    options = None if context is None else {"templateContext": context}
    more = {"localTimeTag": local_time_tag, "executionOptions": options}
    body = {**given, **fields, **window, **more}
    with _session.connect() as client:
        path = f"{_job(client, application, job)}/schedules"
        made = client.post(path, {key: value for key, value in body.items() if value is not None})
    Console().print(f"Schedule {made['id']} runs next at {made['nextRun']}")


@GROUP.command
def pause(job: str, schedule: str, *, application: str | None = None) -> None:
    """Let a schedule rest."""
    _ordered(job, schedule, application, "pause")
    Console().print("The schedule rests")


@GROUP.command
def resume(job: str, schedule: str, *, application: str | None = None) -> None:
    """Go on with a schedule from now; what was missed is not made up for."""
    answer = _ordered(job, schedule, application, "resume")
    Console().print(f"The schedule runs next at {answer['nextRun']}")


@GROUP.command
def trigger(job: str, schedule: str, *, application: str | None = None) -> None:
    """Run now what a schedule runs."""
    answer = _ordered(job, schedule, application, "trigger")
    Console().print(f"Execution {answer['executionId']}")


@GROUP.command
def delete(job: str, schedule: str, *, application: str | None = None) -> None:
    """Delete a schedule."""
    with _session.connect() as client:
        client.delete(_one(client, application, job, schedule))
    Console().print("The schedule is gone")


def _ordered(job: str, schedule: str, application: str | None, order: str) -> dict[str, Any]:
    """Give an order about a schedule and return the answer."""
    with _session.connect() as client:
        answer: dict[str, Any] = client.post(f"{_one(client, application, job, schedule)}/{order}")
    return answer


def _jobs(client: Client, application: str | None) -> str:
    return f"/applications/{_session.application(client, application)}/resource-jobs"


def _job(client: Client, application: str | None, job: str) -> str:
    path = _jobs(client, application)
    return f"{path}/{_session.one(client, path, job, 'job')['id']}"


def _one(client: Client, application: str | None, job: str, schedule: str) -> str:
    path = f"{_job(client, application, job)}/schedules"
    return f"{path}/{_session.one(client, path, schedule, 'schedule')['id']}"


def _schedules(
    client: Client, jobs: str, wanted: str | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each job and each of its schedules; only of one job if it is named."""
    found = client.items(jobs) if wanted is None else [_session.one(client, jobs, wanted, "job")]
    for job in found:
        for item in client.items(f"{jobs}/{job['id']}/schedules"):
            yield job["name"], item


def _when(item: dict[str, Any]) -> str:
    if "seconds" in item:
        return f"every {item['seconds']:g} s"
    if "cron" in item:
        return str(item["cron"])
    return " ".join(f"{name}={item[name]}" for name in FIELDS if name in item)
