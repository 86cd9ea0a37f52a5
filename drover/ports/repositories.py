"""Repositories of git that applications are exported to and imported from."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Remote(Struct, frozen=True, kw_only=True):
    """A repository of somebody's own and what opens it.

    ``secret`` is a password, or a private key where ``is_key``.
    """

    url: str
    username: str = ""
    secret: str = ""
    is_key: bool = False


class Commit(Struct, frozen=True, kw_only=True):
    """What is committed where: all of a directory (empty: the whole branch) is replaced."""

    branch: str
    directory: str
    message: str
    name: str
    email: str


class Place(Struct, frozen=True, kw_only=True):
    """A branch and a directory of it, empty for all of it."""

    branch: str
    directory: str


class Pushed(Struct, frozen=True, kw_only=True):
    """What came of it: the commit that the branch is at, which is the old one without changes."""

    commit: str
    no_changes: bool


class Repositories(Protocol):
    """The way to repositories."""

    async def push(self, remote: Remote, commit: Commit, folder: str, files: str) -> Pushed:
        """Commit the files below ``files`` to a branch; ``folder`` is for what is needed beside.

        The branch is begun where there is none. Raises Invalid for what may not be reached or is
        refused there, with its reason and without its secrets.
        """
        ...

    async def fetch(self, remote: Remote, place: Place, folder: str, file: str) -> str:
        """Write the files of a place into a new zip file and return the commit they are of.

        ``folder`` is for what is needed beside. Raises Invalid as ``push``, and where there is no
        such place.
        """
        ...
