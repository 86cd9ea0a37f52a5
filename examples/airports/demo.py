"""Run a resource job over one country's airports and show what came of it.

python -m examples.airports.demo [--country US] [--devices N] [--concurrency 500]
"""

from __future__ import annotations

import argparse
import csv
import secrets
import shutil
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from examples.airports import finale, fleet, workflow
from examples.serving import EMAIL, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.client import Client
    from examples.serving import Serving

FOLDER = Path(".cache/demo")
LIVE = "api,engine,scheduler,mqtt"
FINISHED = frozenset({"completed", "errored", "canceled"})


def main() -> None:
    """Start a server, load the fleet, run the job, and print summary, failures and report."""
    options = _options()
    console = Console()
    console.print("[bold]Drover demo[/] · the world's airports as a fleet of devices\n")
    folder: Path = options.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    password = secrets.token_urlsafe(12)
    with _server(console, folder, password) as server:
        client, application_id = server.client, server.application_id()
        _load(console, client, application_id, options.devices)
        job = client.post(
            f"/applications/{application_id}/resource-jobs",
            workflow.job(options.country, options.concurrency),
        )
        client.post(f"/applications/{application_id}/flows", workflow.workflow(job["id"]))
        base = f"/applications/{application_id}/resource-jobs/{job['id']}"
        entry = _run(console, client, base)
        _show(console, client, entry, folder / "report.csv")
        if server.mqtt_port and options.live:
            _command(console, server, options.live, folder / "commands.csv")
    _look_further(console, folder / "data", password)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--country", default="US", help="ISO country code the job targets")
    parser.add_argument("--devices", type=int, default=None, help="load only the first N airports")
    parser.add_argument("--concurrency", type=int, default=500, help="iterations at once, 1-1000")
    parser.add_argument(
        "--live", type=int, default=500, help="simulated devices that get a command; 0: none"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where data and report go; emptied first"
    )
    return parser.parse_args()


@contextmanager
def _server(console: Console, folder: Path, password: str) -> Iterator[Serving]:
    """Start a server with a broker for devices, or without one where none can be started."""
    settings = {"admin_password": password, "sweep_seconds": 1, "min_iteration_timeout_ms": 1000}
    with (folder / "server.log").open("wb") as log, ExitStack() as stack:
        data = str(folder / "data")
        try:
            server = stack.enter_context(serving(data, log=log, roles=LIVE, **settings))
        except RuntimeError:
            server = stack.enter_context(serving(data, log=log, **settings))
        if not server.mqtt_port:
            console.print(
                "[yellow]No broker for devices could be started (nats-server); the job of live"
                f" devices at the end is left out. See {log.name}[/]\n"
            )
        yield server


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
        console=console,
    )


def _load(console: Console, client: Client, application_id: str, limit: int | None) -> None:
    total = sum(1 for _ in fleet.airports(limit))
    with _progress(console) as progress:
        task = progress.add_task("Loading the fleet ", total=total, rate="")
        began = time.monotonic()
        for size in fleet.load(client, application_id, limit):
            progress.advance(task, size)
            done = progress.tasks[0].completed
            progress.update(task, rate=f"{done / (time.monotonic() - began):,.0f}/s")


def _run(console: Console, client: Client, base: str) -> dict[str, Any]:
    """Execute the job, draw its progress stream, and return its log entry when it is over."""
    execution_id = client.post(f"{base}/execute")["executionId"]
    with _progress(console) as progress:
        task = progress.add_task("Running the job   ", total=None, rate="")
        began = time.monotonic()
        for _name, event in client.events(f"{base}/executions/{execution_id}/progress"):
            summary = event["executionSummary"]
            total = sum(summary.values())
            done = total - summary["remaining"] - summary["inProgress"]
            rate = f"{done / (time.monotonic() - began):,.0f}/s"
            progress.update(task, total=total or None, completed=done, rate=rate)
            if event["status"] in FINISHED:
                break
    return next(
        entry for entry in client.get(f"{base}/logs", limit=10) if entry["id"] == execution_id
    )


def _command(console: Console, server: Serving, count: int, report: Path) -> None:
    """Send a command to live devices by a job that their answers end."""
    client, application_id = server.client, server.application_id()
    console.print(f"\n[bold]Live devices[/] · {count} of them get a command over MQTT\n")
    base = f"/applications/{application_id}"
    job = client.post(f"{base}/resource-jobs", finale.job())
    client.post(f"{base}/flows", finale.workflow(job["id"]))
    ids = finale.load(client, application_id, count)
    with finale.connected(client, application_id, ids, server.mqtt_port) as fleet:
        entry = _run(console, client, f"{base}/resource-jobs/{job['id']}")
    _show(console, client, entry, report)
    again = _tried_again(report)
    console.print(
        f"{fleet.tally.commanded:,} commands were heard, {fleet.tally.answered:,} answered;"
        f" {again:,} iterations timed out at first and were tried again."
    )


def _tried_again(report: Path) -> int:
    with report.open(newline="") as file:
        return sum(int(row["attempts"]) > 1 for row in csv.DictReader(file))


def _show(console: Console, client: Client, entry: dict[str, Any], report: Path) -> None:
    table = Table(title=f"\nExecution {entry['id']} · {entry['status']}", title_justify="left")
    for heading in entry["executionSummary"]:
        table.add_column(heading, justify="right")
    table.add_row(*(f"{count:,}" for count in entry["executionSummary"].values()))
    console.print(table)
    with report.open("wb") as file:
        for part in client.download(entry["executionReportUrl"]):
            file.write(part)
    _show_failures(console, report)
    console.print(f"\nReport: {report}")


def _look_further(console: Console, data_dir: Path, password: str) -> None:
    console.print("\nLook further:")
    console.print(f"  .venv/bin/drover serve --data-dir {data_dir}")
    console.print(f"  .venv/bin/drover login {EMAIL} --password {password}")
    console.print('  .venv/bin/drover jobs failures "Standard pressure"')


def _show_failures(console: Console, report: Path) -> None:
    with report.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] != "succeeded"]
    messages = Counter((row["status"], row["message"]) for row in rows)
    table = Table(title="\nNot succeeded, by message", title_justify="left")
    table.add_column("count", justify="right")
    table.add_column("status")
    table.add_column("message")
    table.add_column("for instance")
    for (status, message), count in messages.most_common(10):
        example = next(r for r in rows if (r["status"], r["message"]) == (status, message))
        table.add_row(f"{count:,}", status, message, example["resourceName"])
    console.print(table)


if __name__ == "__main__":
    main()
