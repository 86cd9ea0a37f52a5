"""Jobs made of tasks, which beacons do."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import AsJson, Listing, print_json_lines
from drover.client import Cron, NewJob, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.client import BeaconJob, TaskJobs

GROUP = App(name="tasks", help="Jobs made of tasks: queue them, watch them, cancel them.")

Count = Annotated[int, Parameter(validator=Number(gte=0))]

Status = Literal["new", "queued", "picked_up", "running", "complete", "failed", "canceled"]

LOOK_S: Final = 1.0
"""How often a job that is waited for is looked at."""

AWAY_S: Final = 120.0
"""How long a server may be away while a job is waited for."""


@GROUP.command
def create(  # noqa: PLR0913 - the published flags of this command
    name: str,
    *,
    command: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None,
    tasks: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    beacon: str = "default",
    at: int | None = None,
    cron: str | None = None,
    starts: int | None = None,
    ends: int | None = None,
    priority: int = 0,
    labels: str = "",
    timeout: int | None = None,
    max_attempts: int | None = None,
    unique_key: str | None = None,
    wait: bool = False,
) -> None:
    """Queue a job and print its id.

    Parameters
    ----------
    name
        What to call it.
    command
        A task: a command for the beacon's shell; may be given repeatedly.
    tasks
        A file with a JSON array of tasks ("-" reads standard input), done after the commands.
    beacon
        The beacon name whose workers may take it.
    at
        From when on it may be taken, in seconds since 1970.
    cron
        Add such a job whenever this is due: "minute hour day-of-month month day-of-week", fields by
        name ("hour=3 dow=1-5"; min is 0 and the others * where left out), or a name (@daily).
    starts
        From when on --cron counts, in seconds since 1970; now where it is left out.
    ends
        Until when --cron counts, in seconds since 1970.
    priority
        Higher ones are taken first.
    labels
        What a worker must offer to take it, comma-separated.
    timeout
        For how many seconds it may run.
    max_attempts
        How often it is handed out at the most.
    unique_key
        While a job with this key is there, no other one is made.
    wait
        Print what it says until it has ended; exit with status 1 unless it completed.

    """
    given: list[Any] = [{"command": each} for each in command or ()]
    job = NewJob(
        name=name,
        tasks=[*given, *_tasks_in(tasks)],
        beacon_name=beacon,
        q_time=at,
        cron=_cron(cron, starts, ends),
        priority=priority or None,
        labels=[part.strip() for part in labels.split(",") if part.strip()],
        timeout=timeout,
        max_attempts=max_attempts,
        unique_key=unique_key,
    )
    with _session.task_jobs() as jobs:
        made = jobs.create(job)
        Console().print(made.id)
        if wait and not made.scheduled and not _follow(jobs, made.id):
            sys.exit(1)


@GROUP.command(name="list")
def list_(
    *,
    status: Status | None = None,
    beacon: str | None = None,
    limit: Count = 50,
    offset: Count = 0,
    as_json: AsJson = False,
) -> None:
    """List jobs, first in first.

    Parameters
    ----------
    status
        Only those of this status.
    beacon
        Only those of this beacon name.
    limit
        How many to show.
    offset
        How many to pass over before.
    as_json
        Print one JSON object a line instead of a table.

    """
    with _session.task_jobs() as jobs:
        found = jobs.list(status=status, beacon_name=beacon, limit=limit + 1, offset=offset)
    if as_json:
        print_json_lines(found[:limit])
    else:
        _listing(found[:limit]).show()
    if len(found) > limit:
        _say(
            f"There are more than these {limit}: see --limit and --offset;"
            " 'drover inventory list' begins with the newest"
        )


@GROUP.command
def show(job: int) -> None:
    """Show a job with its tasks and results, as JSON."""
    with _session.task_jobs() as jobs:
        found = jobs.show(job)
    Console(soft_wrap=True).print(
        _session.foreign_lines(json.dumps(msgspec.to_builtins(found), indent=2))
    )


@GROUP.command
def log(job: int, *, follow: bool = False) -> None:
    """Print what the tasks of a job wrote; with --follow until it has ended."""
    with _session.task_jobs() as jobs:
        if follow:
            _follow(jobs, job)
        else:
            _Told(jobs, job).print_on()


@GROUP.command
def cancel(job: int) -> None:
    """End a job: at once if nobody has it, else its beacon stops it within seconds."""
    with _session.task_jobs() as jobs:
        canceled = jobs.cancel(job)
    state = "is canceled" if canceled.ended else "is marked for cancellation"
    Console().print(f"Job {canceled.id} {state}")


@GROUP.command
def schedules(*, as_json: AsJson = False) -> None:
    """List the templates that add jobs by the clock.

    Parameters
    ----------
    as_json
        Print one JSON object a line instead of a table.

    """
    with _session.task_jobs() as jobs:
        found = jobs.schedules()
    if as_json:
        print_json_lines(found)
        return
    table = Listing("id", "name", "active", "next (UTC)", "last (UTC)")
    for each in found:
        next_run, last_run = _session.moment(each.next_run), _session.moment(each.last_run)
        table.add_row(each.id, each.name, "yes" if each.active else "no", next_run, last_run)
    table.show()


@GROUP.command
def switch(schedule: int, *, on: Annotated[bool, Parameter(negative="--off")]) -> None:
    """Turn a template --on or --off; turning it on makes up for nothing."""
    with _session.task_jobs() as jobs:
        jobs.switch_schedule(schedule, active=on)
    Console().print(f"Schedule {schedule} is {'on' if on else 'off'}")


@GROUP.command
def trigger(schedule: int) -> None:
    """Add a job of a template now, and print its id."""
    with _session.task_jobs() as jobs:
        Console().print(jobs.trigger(schedule).id)


def _listing(jobs: Sequence[BeaconJob]) -> Listing:
    table = Listing("id", "name", "beacon", "status", "task", "attempts", "worker", "added (UTC)")
    for job in jobs:
        table.add_row(
            job.id,
            job.name,
            job.beacon_name,
            job.status,
            f"{job.cur_task}/{job.total_tasks}",
            job.attempts,
            job.worker or "",
            _session.moment(job.add_time),
        )
    return table


def _tasks_in(file: Path | None) -> list[Any]:
    if file is None:
        return []
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        tasks = json.loads(text)
    except (OSError, ValueError) as error:
        raise _session.CommandError(f"{file}: {error}") from error
    if not isinstance(tasks, list):
        raise _session.CommandError(f"{file}: tasks must be a JSON array")
    return tasks


def _cron(text: str | None, starts: int | None, ends: int | None) -> Cron | None:
    if text is None:
        if starts is not None or ends is not None:
            raise _session.CommandError("--starts and --ends are for --cron")
        return None
    try:
        return Cron.of(text, start_date=starts, end_date=ends)
    except ValueError as error:
        raise _session.CommandError(f"--cron: {error}") from error


def _follow(jobs: TaskJobs, job_id: int) -> bool:
    """Print the lines of a job until it has ended; tell whether it completed.

    A server that is away for a while, as for a new version, is asked again.
    """
    told, away_since_s = _Told(jobs, job_id), None
    while True:
        try:
            job = jobs.show(job_id)
            told.print_on()
            away_since_s = None
        except ServerUnreachable as error:
            now_s = time.monotonic()
            if away_since_s is None:
                away_since_s = now_s
                _say(f"{error}; asking again for {AWAY_S:g} s, the job goes on meanwhile")
            elif now_s - away_since_s > AWAY_S:
                raise
        else:
            if job.ended:
                _print_end(job)
                return job.status == "complete"
        time.sleep(LOOK_S)


class _Told:
    """How much of a job's log was printed."""

    def __init__(self, jobs: TaskJobs, job_id: int) -> None:
        self._jobs = jobs
        self._job_id = job_id
        self._after = 0

    def print_on(self) -> None:
        """Print the lines that were not printed yet."""
        console = Console(soft_wrap=True)
        while lines := self._jobs.log(self._job_id, after=self._after):
            for line in lines:
                console.print(_session.foreign(line.line))
            self._after = lines[-1].seq


def _print_end(job: BeaconJob) -> None:
    told = f": {job.error}" if job.error else ""
    _say(f"Job {job.id} is {job.status}{told}")


def _say(text: str) -> None:
    """Tell a person something that is no part of the output."""
    Console(stderr=True, soft_wrap=True).print(_session.foreign(text))
