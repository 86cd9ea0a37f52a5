"""The users of a server, for administrators."""

from __future__ import annotations

from getpass import getpass

from cyclopts import App
from rich.console import Console

from drover.cli import _session
from drover.cli._listing import Listing

GROUP = App(name="users", help="The users of a server (administrators only).")

PATH = "/admin/users"


@GROUP.command(name="list")
def list_() -> None:
    """List the users."""
    table = Listing("number", "id", "e-mail", "role", "created")
    with _session.connect() as client:
        for item in client.items(PATH):
            names = ("number", "id", "email", "role", "creationDate")
            table.add_row(*(item[name] for name in names))
    table.show()


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
