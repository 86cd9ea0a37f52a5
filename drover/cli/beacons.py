"""The workers that take jobs, and the queues they take them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App
from rich.console import Console
from rich.table import Table

from drover.cli import _session
from drover.cli._listing import AsJson, Listing, print_json_lines

if TYPE_CHECKING:
    from drover.client import SeenBeacon

GROUP = App(name="beacons", help="The workers that take jobs of beacons.")


@GROUP.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List the workers you may see, with what they work on.

    Parameters
    ----------
    as_json
        Print one JSON object a line instead of a table.

    """
    table = Listing("worker", "status", "beacons", "labels", "jobs", "version", "last sign (UTC)")
    with _session.task_jobs() as jobs:
        found = jobs.beacons()
    if as_json:
        print_json_lines(found)
        return
    for each in found:
        table.add_row(
            each.worker,
            each.status,
            ", ".join(each.names),
            ", ".join(each.labels),
            " ".join(map(str, each.jobs)),
            each.version,
            _session.moment(each.last_beat),
        )
    table.show()


@GROUP.command
def show(worker: str) -> None:
    """Show one worker, or all that take the jobs of a beacon name."""
    with _session.task_jobs() as jobs:
        found = [each for each in jobs.beacons() if worker == each.worker or worker in each.names]
    if not found:
        raise _session.CommandError(f"No worker or beacon is called '{worker}'")
    for each in found:
        _print(each)


@GROUP.command
def pause(name: str) -> None:
    """Hand out no more jobs of a beacon name; what runs goes on."""
    with _session.task_jobs() as jobs:
        jobs.pause(name)
    Console().print("Paused:", _session.foreign(name))


@GROUP.command
def resume(name: str) -> None:
    """Hand out jobs of a beacon name again."""
    with _session.task_jobs() as jobs:
        jobs.resume(name)
    Console().print("Resumed:", _session.foreign(name))


def _print(worker: SeenBeacon) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("worker", _session.foreign(worker.worker))
    table.add_row("status", worker.status)
    table.add_row("beacons", _session.foreign(", ".join(worker.names)))
    table.add_row("labels", _session.foreign(", ".join(worker.labels)))
    table.add_row("version", _session.foreign(worker.version))
    table.add_row("jobs", " ".join(map(str, worker.jobs)))
    table.add_row("first sign", _session.moment(worker.first_beat))
    table.add_row("last sign", _session.moment(worker.last_beat))
    Console().print(table)
