"""Files of archives: compressed on their way, counted, and read back before they count."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from drover.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drover.ports.archives import Place

_LEVEL: Final = 2
_GZIP: Final = 31


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a file, with how many rows and values they hold."""

    text: str
    rows: int
    points: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What was written so far. ``checksum`` is a SHA-256 over keys and contents in their order."""

    files: int = 0
    rows: int = 0
    points: int = 0
    size: int = 0
    checksum: str = ""

    def with_file(self, written: Written) -> Totals:
        """Return the totals with one file more."""
        chained = f"{self.checksum} {written.key} {written.checksum}".encode()
        return Totals(
            files=self.files + 1,
            rows=self.rows + written.rows,
            points=self.points + written.points,
            size=self.size + written.size,
            checksum=hashlib.sha256(chained).hexdigest(),
        )


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written and read back."""

    key: str
    rows: int
    points: int
    size: int
    checksum: str


class _Packing:
    """Compresses pieces, and counts what passes."""

    def __init__(self) -> None:
        self.rows = 0
        self.points = 0
        self.digest = hashlib.sha256()
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)  # no time in its header: repeatable

    async def chunks(self, pieces: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
        """Yield the compressed content."""
        async for piece in pieces:
            self.rows += piece.rows
            self.points += piece.points
            yield await asyncio.to_thread(self._packed, piece.text)
        last = self._packer.flush()
        self.digest.update(last)
        yield last

    def _packed(self, text: str) -> bytes:
        packed = self._packer.compress(text.encode())
        self.digest.update(packed)
        return packed


async def write(place: Place, key: str, pieces: AsyncIterator[Piece]) -> Written:
    """Write a file and read it back.

    Raises Unavailable where what is there differs from what was written, StoreError.
    """
    packing = _Packing()
    size = await place.put_stream(key, packing.chunks(pieces))
    there = hashlib.sha256()
    async for part in place.get_stream(key):
        there.update(part)
    checksum = packing.digest.hexdigest()
    if there.hexdigest() != checksum:
        raise Unavailable(f"The archive's file {key} could not be read back as it was written")
    return Written(key=key, rows=packing.rows, points=packing.points, size=size, checksum=checksum)
