"""Finished work on disk until the server has accepted it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from msgspec import Struct

from drover.client.beacon_work import Ending
from drover.client.task_records import BeaconJob, LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX: Final = ".json"
_LOG = structlog.get_logger("drover.beacon")


class Finished(Struct, frozen=True, kw_only=True):
    """A job that was worked on to its end: of which server, as it was taken, how it ended.

    ``lines`` are those of its log that the server does not have yet.
    """

    url: str
    job: BeaconJob
    ending: Ending
    lines: list[LogLine] = []


class Spool:
    """A folder of finished jobs, one file each, whole or not there.

    Several agents may share one. What cannot be read is set aside in ``broken``, what the server
    refused for good in ``refused``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, finished: Finished) -> Path:
        """Keep a finished job; it is on disk when this returns. Raises OSError."""
        path = self.folder / f"{finished.job.id}-{secrets.token_hex(8)}{_SUFFIX}"
        made = path.with_suffix(".part")
        try:
            _write(made, msgspec.json.encode(finished))
            made.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                made.unlink()
            raise
        _sync(self.folder)
        return path

    def waiting(self, url: str) -> Iterator[tuple[Path, Finished]]:
        """Yield what is for a server, oldest first; note what stays here for others."""
        others: Counter[str] = Counter()
        for path in sorted(self.folder.glob(f"*{_SUFFIX}"), key=_age):
            finished = self._read(path)
            if finished is not None and finished.url == url:
                yield path, finished
            elif finished is not None:
                others[finished.url] += 1
        for other, count in others.items():
            _LOG.warning(
                "results_of_another_server", url=other, count=count, folder=str(self.folder)
            )

    def remove(self, path: Path) -> None:
        """Forget what was accepted; where that fails it is handed in again later, to no harm."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.error("spool_stuck", file=str(path), reason=str(error))

    def set_aside(self, path: Path, why: str) -> None:
        """Keep what will not be accepted where an operator finds it: ``refused`` or ``broken``."""
        folder = self.folder / why
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            path.rename(folder / path.name)
        except FileNotFoundError:
            pass  # another agent was quicker
        except OSError as error:  # a full or read-only disk: it stays where it is
            _LOG.error("spool_stuck", file=str(path), reason=str(error))

    def _read(self, path: Path) -> Finished | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Finished)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            _LOG.error("spool_broken", file=str(path), reason=str(error))
            self.set_aside(path, "broken")
            return None


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
