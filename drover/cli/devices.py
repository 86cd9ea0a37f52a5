"""Devices of an application."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cyclopts import App
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = App(name="devices", help="Devices of an application.")

BATCH: Final = 500


@GROUP.command(name="list")
def list_(*, application: str | None = None, query: str | None = None, limit: int = 50) -> None:
    """List devices, optionally those an advanced query (JSON) matches.

    Parameters
    ----------
    application
        Name or id; may be left out when there is one.
    query
        An advanced device query, for instance '{"tags": {"country": "AU"}}'.
    limit
        How many to show.

    """
    table = Listing("id", "name", "class", "tags")
    with _session.connect() as client:
        base = f"/applications/{_session.application(client, application)}"
        for item in islice(client.items(f"{base}/devices", query=query), limit):
            tags = " ".join(f"{tag['key']}={tag['value']}" for tag in item.get("tags", []))
            table.add_row(item["id"], item["name"], item.get("deviceClass", ""), tags)
    table.show()


@GROUP.command(name="import")
def import_(file: Path, *, application: str | None = None) -> None:
    """Create devices from a file with one JSON object a line ('-' reads standard input).

    Parameters
    ----------
    file
        Each line is the body of a device; its key "state" holds attribute values to report.
    application
        Name or id; may be left out when there is one.

    """
    lines = sys.stdin if str(file) == "-" else file.open()
    with _session.connect() as client, lines:
        base = f"/applications/{_session.application(client, application)}"
        made = 0
        for batch in _batches(json.loads(line) for line in lines if line.strip()):
            client.post(f"{base}/devices/batch", {"devices": batch})
            made += len(batch)
    Console().print(f"{made} devices created")


def _batches(items: Iterable[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
