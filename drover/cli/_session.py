"""Which server the command line speaks to, and as whom.

``drover login`` stores URL and token in ``credentials.json`` of the user's configuration folder
(mode 0600), ``drover keys create --save`` a userkey; ``DROVER_URL``, ``DROVER_TOKEN`` and
``DROVER_USERKEY`` override them.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from drover.client import Client, ClientError, TaskJobs
from drover.client.connection import address
from drover.client.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_URL: Final = "http://127.0.0.1:8080"


class CommandError(Exception):
    """A command cannot go on; the message says what to do."""


def credentials_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the credentials are kept."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "drover" / "credentials.json"


def save(**credentials: str) -> Path:
    """Keep these credentials beside the others for later commands, readable by this user alone."""
    file = credentials_file()
    kept = {**_stored(), **credentials}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(kept, stream)
    return file


def connect() -> Client:
    """Return a client of the server last logged in to; raises CommandError when there is none."""
    url, stored = server_url(), _stored()
    token = os.environ.get("DROVER_TOKEN") or _kept_for(url, stored, "token", "url")
    if not token:
        raise CommandError(
            f"Not signed in to {url}: run 'drover login EMAIL --url {url}', or set DROVER_TOKEN"
        )
    return Client(url, token)


def task_jobs() -> TaskJobs:
    """Return a client of the jobs that beacons do; raises CommandError without a userkey."""
    url, stored = server_url(), _stored()
    userkey = os.environ.get("DROVER_USERKEY") or _kept_for(url, stored, "userkey", "userkey_url")
    if not userkey:
        raise CommandError(
            f"No userkey for {url}: run 'drover keys create NAME --save', or set DROVER_USERKEY"
        )
    return TaskJobs(url, userkey)


def foreign(text: object) -> Text:
    """Return a text of others as it may be shown: it neither steers the terminal nor has markup."""
    return Text(printable(str(text)))


def foreign_lines(text: str) -> Text:
    """Return a text of several lines as it may be shown."""
    return Text("\n").join(foreign(line) for line in text.split("\n"))


def moment(seconds: int | None) -> Text:
    """Return a moment given in seconds as it is shown, in UTC."""
    if seconds is None:
        return Text("")
    return Text(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S"))


def server_url(given: str | None = None) -> str:
    """Return the server to speak to: the one given, else of the environment, else as stored.

    Raises UnusableConnection for what is no address.
    """
    return address(given or os.environ.get("DROVER_URL") or _stored().get("url") or DEFAULT_URL)


def advice(error: Exception) -> str:
    """Return what to do about an error that a command ends with."""
    if isinstance(error, ClientError) and error.status == HTTPStatus.UNAUTHORIZED:
        return (
            f"{error}. A new token comes from 'drover login EMAIL' (unless DROVER_TOKEN is set),"
            " a new userkey from 'drover keys create NAME --save' (unless DROVER_USERKEY is set)"
        )
    return str(error)


def _kept_for(url: str, stored: dict[str, Any], secret: str, server: str) -> str | None:
    """Return a secret that was kept for this server: no other one is shown it."""
    kept = stored.get(secret)
    return str(kept) if kept and str(stored.get(server)).rstrip("/") == url else None


def _stored() -> dict[str, Any]:
    file = credentials_file()
    try:
        stored = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{file} cannot be read ({error}): delete it and sign in again"
        ) from error
    if not isinstance(stored, dict):
        raise CommandError(f"{file} holds no credentials: delete it and sign in again")
    return stored


def application(client: Client, wanted: str | None) -> str:
    """Return the id of the application named by id or name; without a name, of the only one.

    Raises CommandError when that is not one application.
    """
    found = list(client.items("/applications"))
    chosen = [item for item in found if wanted in (None, item["id"], item["name"])]
    if len(chosen) == 1:
        return str(chosen[0]["id"])
    names = ", ".join(item["name"] for item in found) or "none"
    if wanted is None:
        raise CommandError(f"Say which application with --application (there are: {names})")
    reason = "More than one" if chosen else "No"
    raise CommandError(f"{reason} application is called '{wanted}' (there are: {names})")


def one(client: Client, path: str, wanted: str, what: str) -> dict[str, Any]:
    """Return the item of a collection with this id, name or e-mail; raises CommandError."""
    chosen = [item for item in client.items(path) if _is(item, wanted)]
    if len(chosen) == 1:
        return chosen[0]
    reason = "No" if not chosen else "More than one"
    raise CommandError(f"{reason} {what} is called '{wanted}'")


def _is(item: dict[str, Any], wanted: str) -> bool:
    return wanted in (item["id"], item.get("name"), item.get("email"))
