"""Applications."""

from __future__ import annotations

from cyclopts import App
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import Listing

GROUP = App(name="applications", help="Applications.")


@GROUP.command(name="list")
def list_() -> None:
    """List the applications you may see."""
    table = Listing("id", "name", "owner", "created")
    with _session.connect() as client:
        for item in client.items("/applications"):
            table.add_row(item["id"], item["name"], item["ownerType"], item["creationDate"])
    table.show()


@GROUP.command
def create(name: str) -> None:
    """Create an application and print its id."""
    with _session.connect() as client:
        Console().print(client.post("/applications", {"name": name})["id"])
