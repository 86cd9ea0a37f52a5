"""Large objects in a local folder or, by URL, in S3, GCS or Azure.

An object is first written to a temporary file and then published as a whole, so a source that
fails half way leaves nothing behind. In a local folder it is on the disk before anybody is told.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from drover.model.errors import Missing
from drover.ports.failures import StoreError, StoreFull, StoreLost

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from obstore.store import ObjectStore

_KEY: Final = re.compile(r"(?!\.)[A-Za-z0-9._-]+(?:/(?!\.)[A-Za-z0-9._-]+)*")
_PIECE_BYTES: Final = 1 << 20
_PARTIAL: Final = ".partial"
_AT_A_TIME: Final = 500
_LEFTOVER_S: Final = 86_400
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ObjectBlobs:
    """Objects in one folder or bucket; answers ``drover.ports.blobs.Blobs``."""

    def __init__(self, place: str | ObjectStore, keys: re.Pattern[str] = _KEY) -> None:
        """Use ``place``: a folder, a URL such as ``s3://bucket/prefix``, or an open bucket.

        Credentials of a bucket given as a URL come from the environment, as its provider's own
        tools take them. ``keys`` match whole keys, of which none leads out of the place.
        """
        self._keys = keys
        self._folder = _local_folder(place) if isinstance(place, str) else None
        self._store: ObjectStore
        if not isinstance(place, str):
            self._store = place
        elif self._folder is None:
            self._store = from_url(place)
        else:
            (self._folder / _PARTIAL).mkdir(parents=True, exist_ok=True)
            _sweep(self._folder / _PARTIAL)
            self._store = LocalStore(self._folder)

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store an object and return its size in bytes; replaces an older one of that key.

        Raises ValueError for a bad key, what ``chunks`` raises, StoreFull, StoreLost.
        """
        self._check(key)
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - outlives this scope until published
            dir=self._folder and self._folder / _PARTIAL, delete=False
        )
        try:
            size = await _write_all(file, chunks)
            await self._publish(Path(file.name), key)
        finally:
            _discard(file)
        return size

    async def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object's content in pieces. Raises Missing, StoreLost."""
        self._check(key)
        try:
            found = await obstore.get_async(self._store, key)
            async for piece in found.stream(min_chunk_size=_PIECE_BYTES):
                yield bytes(piece)
        except FileNotFoundError:
            raise Missing("Object was not found") from None
        except (BaseError, OSError) as error:
            raise _translate(error) from error

    async def head(self, key: str) -> int | None:
        """Return an object's size in bytes, or None when there is no such object."""
        self._check(key)
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _translate(error) from error

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is fine."""
        self._check(key)
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _translate(error) from error

    async def clear(self, prefix: str) -> None:
        """Delete all objects below a prefix; twice does no harm."""
        self._check(prefix)
        try:
            async for some in obstore.list(self._store, f"{prefix}/", chunk_size=_AT_A_TIME):
                await obstore.delete_async(self._store, [each["path"] for each in some])
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _translate(error) from error

    def _check(self, key: str) -> None:
        if not self._keys.fullmatch(key):
            raise ValueError(f"{key!r} is no key of an object")

    async def _publish(self, file: Path, key: str) -> None:
        try:
            if self._folder is None:
                await obstore.put_async(self._store, key, file)
            else:
                await asyncio.to_thread(_move, file, self._folder, key)
        except (BaseError, OSError) as error:
            raise _translate(error) from error


def _local_folder(place: str) -> Path | None:
    url = urlsplit(place)
    if url.scheme == "file":
        return Path(unquote(url.path))
    return None if "://" in place else Path(place)


def _sweep(folder: Path) -> None:
    """Remove what a server that was killed left half-written."""
    oldest = time.time() - _LEFTOVER_S
    for file in folder.iterdir():
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


async def _write_all(file: IO[bytes], chunks: AsyncIterable[bytes]) -> int:
    size, waiting = 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        waiting += chunk
        if len(waiting) >= _PIECE_BYTES:
            await _write(file, bytes(waiting))
            waiting.clear()
    await _write(file, bytes(waiting), last=True)
    return size


async def _write(file: IO[bytes], piece: bytes, *, last: bool = False) -> None:
    try:
        await asyncio.to_thread(_write_now, file, piece, last=last)
    except OSError as error:
        raise _translate(error) from error


def _write_now(file: IO[bytes], piece: bytes, *, last: bool) -> None:
    file.write(piece)
    if last:
        file.flush()
        os.fsync(file.fileno())


def _discard(file: IO[bytes]) -> None:
    with suppress(OSError):  # what a full disk could not take is not wanted any more
        file.close()
    Path(file.name).unlink(missing_ok=True)


def _move(file: Path, folder: Path, key: str) -> None:
    target = folder / key
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)
    # The names are on the disk only once each folder on the way to them is.
    for parent in [target.parent, *target.parent.parents]:
        _flush_folder(parent)
        if parent == folder:
            break


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translate(error: Exception) -> StoreError:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return StoreFull("the disk for large objects is full")
    return StoreLost("the place of large objects cannot be reached")
