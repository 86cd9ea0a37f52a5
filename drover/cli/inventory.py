"""The inventory of all jobs of every kind: find them by a query, take them out, end them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from drover.cli import _session
from drover.cli._listing import Listing, print_json_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client

GROUP = App(name="inventory", help="All jobs of every kind: query, show, export, cancel, delete.")

ROOT: Final = "/ws/v1/jobs"
PAGE: Final = 1000
COLUMNS: Final = (
    "id", "job_type", "status", "job_name", "username", "submit_time", "progress_percent",
    "target_count", "failure_count",
)  # fmt: skip

Sure = Annotated[bool, Parameter(name=["--yes", "-y"], negative="")]
Json = Annotated[bool, Parameter(negative="")]


@GROUP.command(name="list")
def list_(
    query: str = "", *, order: str | None = None, limit: int = 50, as_json: Json = False
) -> None:
    """List jobs, newest first.

    Parameters
    ----------
    query
        Which jobs, for instance "status = 'failed' and submit_time > -1d".
    order
        Any field, then "asc" or "desc".
    limit
        How many to show.
    as_json
        Print one JSON object a line instead of a table.

    """
    with _session.connect() as client:
        found = _found(client, query, order, limit)
        if as_json:
            print_json_lines(found)
            return
        table = Listing(*COLUMNS)
        for job in found:
            table.add_row(*(job.get(name, "") for name in COLUMNS))
    table.show()


@GROUP.command
def count(query: str = "") -> None:
    """Print how many jobs match a query, or how many there are."""
    with _session.connect() as client:
        Console().print(_total(client, query))


@GROUP.command
def show(job: int) -> None:
    """Show everything about one job."""
    with _session.connect() as client:
        members = client.get(f"{ROOT}/{job}")
    table = Table(show_header=False)
    for name, value in members.items():
        shown = "\n".join(value) if isinstance(value, list) else value
        table.add_row(name, _session.foreign_lines(str(shown)))
    Console().print(table)


@GROUP.command
def cancel(*jobs: int, query: str | None = None, yes: Sure = False) -> None:
    """Cancel jobs by their numbers, or every one that matches a query.

    Parameters
    ----------
    jobs
        Numbers of jobs.
    query
        Which jobs, instead of numbers.
    yes
        Do not ask first.

    """
    with _session.connect() as client:
        if query is None:
            _tell(client.change("PUT", f"{ROOT}/cancel/{_numbers(jobs)}"), "told to stop")
        elif _agreed(client, query, "Cancel", yes, jobs):
            done = client.change("PUT", f"{ROOT}/inventory/cancel", query=query)
            _tell(done, "told to stop")


@GROUP.command
def delete(
    *jobs: int, query: str | None = None, cancel_first: Json = False, yes: Sure = False
) -> None:
    """Delete jobs that have ended, by their numbers or a query.

    Parameters
    ----------
    jobs
        Numbers of jobs.
    query
        Which jobs, instead of numbers.
    cancel_first
        Also cancel what has not ended, and delete it once it stopped (with a query).
    yes
        Do not ask first.

    """
    with _session.connect() as client:
        if query is None:
            for number in _numbers(jobs).split(","):
                _tell(client.change("DELETE", f"{ROOT}/inventory/{number}"), "deleted")
        elif _agreed(client, query, "Cancel and delete" if cancel_first else "Delete", yes, jobs):
            path = f"{ROOT}/cancel" if cancel_first else f"{ROOT}/inventory"
            _tell(client.change("DELETE", path, query=query), "deleted")


@GROUP.command
def export(
    query: str = "",
    *,
    fields: str | None = None,
    order: str | None = None,
    output: Path | None = None,
    raw: Json = False,
) -> None:
    """Write all matching jobs as CSV to a file or to the screen.

    Parameters
    ----------
    query
        Which jobs; all when left out.
    fields
        Columns, comma-separated; also fields of a job's first device.
    order
        Any field, then "asc" or "desc".
    output
        The file to write.
    raw
        Leave text as it is that a spreadsheet would run as a formula.

    """
    asked: dict[str, Any] = {"query": query or None, "fields": fields, "orderby": order}
    with _session.connect() as client:
        stream = output.open("wb") if output else sys.stdout.buffer
        for part in client.download(f"{ROOT}/bulk", raw=str(raw).lower(), **asked):
            stream.write(part)
        stream.flush()


def _found(client: Client, query: str, order: str | None, limit: int) -> Iterator[dict[str, Any]]:
    """Yield jobs, a page at a time."""
    cursor, left = None, limit
    while left > 0:
        page = client.get(
            f"{ROOT}/inventory",
            query=query or None,
            orderby=order,
            size=min(left, PAGE),
            cursor=cursor,
        )
        yield from page["list"]
        left -= page["count"]
        cursor = page.get("cursor")
        if cursor is None:
            return


def _total(client: Client, query: str) -> int:
    page = client.get(f"{ROOT}/inventory", query=query or None, size=1, total="true")
    return int(page["total"])


def _numbers(jobs: tuple[int, ...]) -> str:
    if not jobs:
        raise _session.CommandError("Say which jobs: their numbers, or --query")
    return ",".join(str(number) for number in jobs)


def _agreed(client: Client, query: str, verb: str, yes: bool, jobs: tuple[int, ...]) -> bool:  # noqa: FBT001 - a flag of the command line
    """Tell whether a verb may be done to what matches; raises CommandError for numbers too."""
    if jobs:
        raise _session.CommandError("Say which jobs either by their numbers or by --query")
    if not query.strip():
        raise _session.CommandError("The query is blank; nothing was changed")
    if yes:
        return True
    asked = f"{verb} {_total(client, query)} jobs? [y/N] "
    try:
        return Console(stderr=True).input(asked).strip().lower() in ("y", "yes")
    except EOFError:  # there is nobody to ask
        return False


def _tell(done: dict[str, Any], verb: str) -> None:
    """Print what came of each; raises CommandError where some were left as they are."""
    refused = [each for each in done["list"] if "error_status" in each]
    touched = done["count"] - len(refused)
    Console().print(f"{touched} {'job' if touched == 1 else 'jobs'} {verb}")
    if "operation" in done:
        Console().print(f"Operation {done['operation']}")
    if refused:
        shown = [f"{each['id']}: {each['error_message']}" for each in refused[:10]]
        more = [f"and {len(refused) - 10} more"] if len(refused) > 10 else []  # noqa: PLR2004 - as shown
        raise _session.CommandError("\n".join(["Left as they are:", *shown, *more]))
