"""Applications in repositories: the files of a bundle, committed and pushed, or fetched."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from drover.app.credentials_named import credential_named
from drover.app.transfer.export import Wish, nobody
from drover.kinds.application import KIND as APPLICATION
from drover.model.errors import Invalid
from drover.ports.repositories import Commit, Place, Remote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from drover.app.transfer.export import Exporter
    from drover.kinds.application import Application
    from drover.ports.repositories import Repositories
    from drover.ports.store import Session, Store

BRANCH: Final = "main"
"""Where an export goes that names no branch."""
_NAME, _EMAIL = "Drover", "drover@localhost"


class RepoOrder(Struct, frozen=True, kw_only=True):
    """What of an application is exported to which place of a repository."""

    credential_name: str
    wish: Wish
    branch: str = ""
    directory: str = ""
    commit_message: str = ""


class RepoSource(Struct, frozen=True, kw_only=True, rename="camel"):
    """From which place of a repository a bundle comes."""

    credential_name: str
    branch: str = ""
    directory: str = ""


class RepositoryExports:
    """Pushes applications to repositories that their credentials name, and fetches bundles."""

    def __init__(self, store: Store, exporter: Exporter, repositories: Repositories) -> None:
        self._store = store
        self._exporter = exporter
        self._repositories = repositories

    async def check(self, application_id: str, credential_name: str) -> None:
        """Return if the application has such a credential; raises Invalid."""
        await self._store.read(
            lambda session: credential_named(session, application_id, credential_name, "git")
        )

    async def run(
        self,
        application_id: str,
        order: RepoOrder,
        folder: str,
        told: Callable[[int], Awaitable[None]] = nobody,
    ) -> dict[str, Any]:
        """Push an application and return where it is; ``folder`` is for files on the way.

        Raises Invalid, Missing.
        """
        application, config = await self._store.read(
            lambda session: _found(session, application_id, order.credential_name)
        )
        place = Path(folder) / "repository"
        files = place / "files"
        await asyncio.to_thread(files.mkdir, parents=True)
        packed = place / "bundle.zip"
        await self._write(application_id, order, packed, told)
        directory = _trimmed(order.directory)
        await asyncio.to_thread(_unpack, packed, files, directory)
        commit = Commit(
            branch=order.branch or BRANCH,
            directory=directory,
            message=order.commit_message or f"Export of {application.name}",
            name=config.get("committer_name") or _NAME,
            email=config.get("committer_email") or _EMAIL,
        )
        pushed = await self._repositories.push(_remote(config), commit, str(place), str(files))
        return {
            "repoUrl": config["clone_url"],
            "commit": pushed.commit,
            "noChanges": pushed.no_changes,
        }

    async def fetch(self, application_id: str, source: RepoSource, folder: str) -> Path:
        """Return a zip file, in a folder, of what a repository holds; raises Invalid."""
        name = source.credential_name
        config = await self._store.read(
            lambda session: credential_named(session, application_id, name, "git")
        )
        beside, file = Path(folder) / "repository", Path(folder) / "bundle.zip"
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)
        await asyncio.to_thread(beside.mkdir)
        place = Place(branch=source.branch or BRANCH, directory=_trimmed(source.directory))
        await self._repositories.fetch(_remote(config), place, str(beside), str(file))
        return file

    async def _write(
        self,
        application_id: str,
        order: RepoOrder,
        packed: Path,
        told: Callable[[int], Awaitable[None]],
    ) -> None:
        file = await asyncio.to_thread(packed.open, "wb")
        with file:
            async for piece in self._exporter.pieces(application_id, order.wish, told):
                await asyncio.to_thread(file.write, piece)


def _remote(config: Mapping[str, Any]) -> Remote:
    return Remote(
        url=config["clone_url"],
        username=config.get("username", ""),
        secret=config.get("secret_value", ""),
        is_key=config["type"] == "ssh-key",
    )


def _trimmed(directory: str) -> str:
    return "/".join(part for part in directory.split("/") if part)


async def _found(
    session: Session, application_id: str, credential_name: str
) -> tuple[Application, Mapping[str, Any]]:
    application = await session.resources.get(APPLICATION, application_id, application_id)
    return application, await credential_named(session, application_id, credential_name, "git")


def _unpack(packed: Path, files: Path, directory: str) -> None:
    """Write the files of a bundle of our own below a directory, which must not lead elsewhere."""
    place = (files / directory).resolve()
    if not place.is_relative_to(files.resolve()):
        raise Invalid("The directory cannot be one", field="repo.directory")
    with zipfile.ZipFile(packed) as bundle:
        for name in bundle.namelist():
            if any(part.lower() == ".git" for part in name.split("/")):
                raise Invalid(f"A repository cannot hold a file called {name[:255]}")
        try:
            bundle.extractall(place)
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EILSEQ):
                raise
            name = os.path.relpath(error.filename, files.resolve())
            raise Invalid(f"A repository cannot hold a file called {name[:255]}") from error
