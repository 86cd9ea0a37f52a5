"""Resource jobs: list, run, watch, cancel, and see what failed."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cyclopts import App
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from drover.cli import _session
from drover.cli._listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client

GROUP = App(name="jobs", help="Resource jobs: run a workflow over everything a query matches.")

FINISHED: Final = frozenset({"completed", "errored", "canceled"})
WAITS_FOR_NOTHING: Final = "It waits for nothing."
SUMMARY: Final = ("succeeded", "failed", "timedOut", "inProgress", "remaining")


@GROUP.command(name="list")
def list_(*, application: str | None = None) -> None:
    """List the jobs of an application."""
    table = Listing("id", "name", "over", "at once", "last asked for")
    with _session.connect() as client:
        for item in client.items(_path(client, application)):
            table.add_row(
                item["id"],
                item["name"],
                item["resourceType"],
                str(item.get("maxIterationConcurrency", 1)),
                item.get("lastExecutionRequested", "never"),
            )
    table.show()


@GROUP.command
def preview(job: str, *, application: str | None = None) -> None:
    """Show how many resources the job's query matches now, and the first of them."""
    with _session.connect() as client:
        seen = client.post(f"{_job(client, application, job)}/preview")
    Console().print(f"{seen['count']} match")
    for item in seen["sample"]:
        Console().print(f"  {item['id']}  {item.get('name', '')}")


@GROUP.command
def run(
    job: str, *, application: str | None = None, context: str | None = None, wait: bool = True
) -> None:
    """Start an execution and watch it.

    Parameters
    ----------
    job
        Name or id.
    application
        Name or id; may be left out when there is one.
    context
        JSON that replaces the job's default context for this execution.
    wait
        Watch until it is over.

    """
    with _session.connect() as client:
        path = _job(client, application, job)
        body = {"templateContext": context} if context is not None else {}
        execution = client.post(f"{path}/execute", body)["executionId"]
        Console().print(f"Execution {execution}")
        if wait:
            _watch(client, f"{path}/executions/{execution}")


@GROUP.command
def watch(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Watch an execution (the newest one by default) until it is over."""
    with _session.connect() as client:
        path = _job(client, application, job)
        _watch(client, f"{path}/executions/{execution or _newest(client, path)}")


@GROUP.command
def executions(job: str, *, application: str | None = None) -> None:
    """List the executions of a job, newest first."""
    table = Listing("id", "status", "started", *SUMMARY)
    with _session.connect() as client:
        for item in client.get(f"{_job(client, application, job)}/logs", limit=20, since=0):
            summary = item["executionSummary"]
            counts = (str(summary[name]) for name in SUMMARY)
            table.add_row(item["id"], item["status"], item["runStartedAt"], *counts)
    table.show()


@GROUP.command
def why(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Say what an execution (the newest one by default) waits for."""
    with _session.connect() as client:
        path = _job(client, application, job)
        entry = client.get(f"{path}/executions/{execution or _newest(client, path)}")
    status = "paused" if entry.get("paused") else entry["status"]
    Console().print(f"{entry['id']} is {status}. {entry.get('waitsBecause', WAITS_FOR_NOTHING)}")


@GROUP.command
def cancel(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Cancel an execution of a resource job (the newest one by default).

    Jobs of every kind, those of beacons too, are canceled by their number with 'drover inventory
    cancel'.
    """
    with _session.connect() as client:
        path = _job(client, application, job)
        execution = execution or _newest(client, path)
        client.post(f"{path}/cancelExecution", executionId=execution)
    Console().print(f"Execution {execution} is marked for cancellation")


@GROUP.command
def pause(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Begin no more iterations of an execution (the newest one by default) for now."""
    Console().print(f"Execution {_order(job, execution, application, 'pause')} is paused")


@GROUP.command
def resume(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Go on with a paused execution (the newest one by default)."""
    Console().print(f"Execution {_order(job, execution, application, 'resume')} goes on")


@GROUP.command
def retry(
    job: str, execution: str | None = None, *, application: str | None = None, wait: bool = True
) -> None:
    """Try again what did not succeed in an ended execution (the newest one by default).

    Parameters
    ----------
    job
        Name or id.
    execution
        Id of the execution.
    application
        Name or id; may be left out when there is one.
    wait
        Watch until it is over.

    """
    with _session.connect() as client:
        path = _job(client, application, job)
        first = execution or _newest(client, path)
        again = client.post(f"{path}/executions/{first}/retry", {})["executionId"]
        Console().print(f"Execution {again}")
        if wait:
            _watch(client, f"{path}/executions/{again}")


@GROUP.command
def report(
    job: str,
    execution: str | None = None,
    *,
    application: str | None = None,
    output: Path | None = None,
) -> None:
    """Write the report of an execution (the newest one by default) to a file or to the screen."""
    with _session.connect() as client:
        path = _job(client, application, job)
        url = _report_url(client, path, execution or _newest(client, path))
        stream = output.open("wb") if output else sys.stdout.buffer
        for part in client.download(url):
            stream.write(part)
        stream.flush()


@GROUP.command
def failures(job: str, execution: str | None = None, *, application: str | None = None) -> None:
    """Group what did not succeed in an execution (the newest by default) by message."""
    with _session.connect() as client:
        path = _job(client, application, job)
        url = _report_url(client, path, execution or _newest(client, path))
        text = b"".join(client.download(url)).decode()
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["status"] != "succeeded"]
    table = Listing("count", "status", "message")
    for (status, message), count in Counter(
        (r["status"], r["message"]) for r in rows
    ).most_common():
        table.add_row(str(count), status, message)
    table.show()


def _path(client: Client, application: str | None) -> str:
    return f"/applications/{_session.application(client, application)}/resource-jobs"


def _job(client: Client, application: str | None, job: str) -> str:
    path = _path(client, application)
    try:
        found = _session.one(client, path, job, "resource job")
    except _session.CommandError as error:
        if not job.isdecimal():
            raise
        more = f"'drover inventory' knows the job of number {job}, of whatever kind it is"
        raise _session.CommandError(f"{error}; {more}") from error
    return f"{path}/{found['id']}"


def _newest(client: Client, path: str) -> str:
    entries = client.get(f"{path}/logs", limit=1)
    if not entries:
        raise _session.CommandError("This job was never executed")
    return str(entries[0]["id"])


def _order(job: str, execution: str | None, application: str | None, order: str) -> str:
    """Give an order about an execution and return its id."""
    with _session.connect() as client:
        path = _job(client, application, job)
        execution = execution or _newest(client, path)
        client.post(f"{path}/executions/{execution}/{order}")
    return execution


def _report_url(client: Client, path: str, execution: str) -> str:
    entry = client.get(f"{path}/executions/{execution}")
    if "executionReportUrl" not in entry:
        raise _session.CommandError(f"Execution {execution} is {entry['status']}: no report yet")
    return str(entry["executionReportUrl"])


def _watch(client: Client, path: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task("starting", total=None)
        for event in _progress(client, path):
            summary = event["executionSummary"]
            total = sum(summary.values())
            done = total - summary["remaining"] - summary["inProgress"]
            progress.update(task, description=event["status"], total=total or None, completed=done)
    _print_summary(client.get(path))


def _progress(client: Client, path: str) -> Iterator[dict[str, Any]]:
    while True:  # a stream may end before the execution does
        for _name, event in client.events(f"{path}/progress"):
            yield event
            if event["status"] in FINISHED:
                return


def _print_summary(entry: dict[str, Any]) -> None:
    table = Table(*SUMMARY, title=f"{entry['id']} is {entry['status']}")
    table.add_row(*(str(entry["executionSummary"][name]) for name in SUMMARY))
    Console().print(table)
    if "error" in entry:
        Console().print(f"[red]{entry['error']}[/]")
