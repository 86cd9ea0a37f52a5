"""Your keys for beacons and for the dialects that sign in with each request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from cyclopts import App
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import AsJson, Listing, print_json_lines

if TYPE_CHECKING:
    from pathlib import Path

GROUP = App(name="keys", help="Your keys: named, with a role, and for as long as you say.")

PATH = "/me/keys"

Role = Literal["user", "beacon", "readOnly", "administrator"]


@GROUP.command
def create(name: str, *, role: Role = "user", days: int | None = None, save: bool = False) -> None:
    """Make a key and print it; it is shown this once.

    The userkey signs in to /api/jobs, key id and secret to /ws/v1/jobs.

    Parameters
    ----------
    name
        What to call it.
    role
        What it may do; beacon takes the jobs of your organisations' users.
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
def list_(*, as_json: AsJson = False) -> None:
    """List your keys; what they open with is not kept anywhere.

    Parameters
    ----------
    as_json
        Print one JSON object a line instead of a table.

    """
    table = Listing("id", "name", "role", "created", "good until")
    with _session.connect() as client:
        found = list(client.items(PATH))
    if as_json:
        print_json_lines(found)
        return
    for item in found:
        until = item.get("expirationDate", "for ever")
        table.add_row(item["id"], item["name"], item["role"], item["creationDate"], until)
    table.show()


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
