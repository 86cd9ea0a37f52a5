"""Sign in to a server."""

from __future__ import annotations

import sys
from getpass import getpass

from cyclopts import App
from rich.console import Console

from drover.cli import _session
from drover.client import Client, ClientError

GROUP = App(name="login", help="Sign in to a server and remember it.")


@GROUP.default
def login(
    email: str,
    *,
    url: str | None = None,
    password: str | None = None,
    code: str = "",
) -> None:
    """Sign in and remember the server and the token.

    Parameters
    ----------
    email
        Who signs in.
    url
        The server; DROVER_URL, or the one last signed in to, if left out.
    password
        The password; asked for when not given, or the first line of standard input in a script.
    code
        The code of your authenticator app, if you have enabled two-factor authentication.

    """
    url = _session.server_url(url)
    with Client(url) as client:
        given = password if password is not None else _asked()
        try:
            token = client.sign_in(email, given, code)
        except ClientError as error:
            raise _session.CommandError(str(error)) from error
    file = _session.save(url=url, token=token)
    Console().print(f"Signed in to {url}; remembered in {file}")


def _asked() -> str:
    return getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
