"""The users of a server, for administrators."""

from __future__ import annotations

from getpass import getpass

from cyclopts import App
from rich.console import Console
from rich.table import Table

from drover.cli import _session

GROUP = App(name="users", help="The users of a server (administrators only).")

PATH = "/admin/users"


@GROUP.command(name="list")
def list_() -> None:
    """List the users."""
    table = Table("number", "id", "e-mail", "role", "created")
    with _session.connect() as client:
        for item in client.items(PATH):
            email = _session.foreign(item["email"])
            table.add_row(
                str(item["number"]), item["id"], email, item["role"], item["creationDate"]
            )
    Console().print(table)


@GROUP.command
def create(email: str, *, role: str = "user", password: str | None = None) -> None:
    """Create a user.

    Parameters
    ----------
    email
        What they sign in with.
    role
        What they may do: user, readOnly, administrator.
    password
        Their first password; asked for when not given.

    """
    given = password if password is not None else getpass()
    with _session.connect() as client:
        made = client.post(PATH, {"email": email, "password": given, "role": role})
    Console().print(f"User {made['id']}")


@GROUP.command
def change(
    user: str, *, role: str | None = None, email: str | None = None, password: str | None = None
) -> None:
    """Change a user, named by id or e-mail; a new password ends their sessions."""
    given = {"role": role, "email": email, "password": password}
    with _session.connect() as client:
        found = _session.one(client, PATH, user, "user")["id"]
        client.patch(f"{PATH}/{found}", {k: v for k, v in given.items() if v is not None})
    Console().print(f"User {found} is changed")


@GROUP.command
def remove(user: str) -> None:
    """Delete a user, named by id or e-mail, with their keys and tokens."""
    with _session.connect() as client:
        found = _session.one(client, PATH, user, "user")["id"]
        client.delete(f"{PATH}/{found}")
    Console().print(f"User {found} is deleted")
