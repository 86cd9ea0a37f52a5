"""Your keys for beacons and for the dialects that sign in with each request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cyclopts import App
from rich.console import Console
from rich.table import Table

from drover.cli import _session

if TYPE_CHECKING:
    from pathlib import Path

GROUP = App(name="keys", help="Your keys: named, with a role, and for as long as you say.")

PATH = "/me/keys"


@GROUP.command
def create(name: str, *, role: str = "user", days: int | None = None, save: bool = False) -> None:
    """Make a key and print it; it is shown this once.

    The userkey signs in to /api/jobs, key id and secret to /ws/v1/jobs.

    Parameters
    ----------
    name
        What to call it.
    role
        What it may do: user, beacon (takes the jobs of your organisations' users), readOnly,
        administrator.
    days
        For how many days it is good; for ever if left out.
    save
        Keep the userkey for later commands instead of printing it.

    """
    body: dict[str, object] = {"name": name, "role": role}
    if days is not None:
        body["expirationDate"] = _in_days(days)
    with _session.connect() as client:
        made = client.post(PATH, body)
    console = Console(soft_wrap=True)
    console.print(f"key id   {made['id']}")
    if save:
        console.print(f"userkey  kept in {_keep(made['userkey'])}")
        return
    console.print(f"secret   {made['keySecret']}", markup=False)
    console.print(f"userkey  {made['userkey']}", markup=False)


@GROUP.command(name="list")
def list_() -> None:
    """List your keys; what they open with is not kept anywhere."""
    table = Table("id", "name", "role", "created", "good until")
    with _session.connect() as client:
        for item in client.items(PATH):
            table.add_row(
                item["id"],
                _session.foreign(item["name"]),
                item["role"],
                item["creationDate"],
                item.get("expirationDate", "for ever"),
            )
    Console().print(table)


@GROUP.command
def revoke(key: str) -> None:
    """End a key, named by id or name, at once."""
    with _session.connect() as client:
        found = _session.one(client, PATH, key, "key")
        client.delete(f"{PATH}/{found['id']}")
    Console().print(f"Key {found['id']} is revoked")


def _keep(userkey: str) -> Path:
    return _session.save(userkey=userkey, userkey_url=_session.server_url())


def _in_days(days: int) -> str:
    try:
        return (datetime.now(UTC) + timedelta(days=days)).isoformat()
    except OverflowError as error:
        raise _session.CommandError(f"{days} days are too many") from error
