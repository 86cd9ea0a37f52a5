"""Files of archives: made on their way, counted, and read back before they count."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from drover.app.archives.forms import Misfit, widened
from drover.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from drover.app.archives.forms import Column, Sheet
    from drover.ports.archives import Place


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


class Page(NamedTuple):
    """Some rows of a file that is to be made of them, with how many values they hold."""

    rows: Sequence[Any]
    points: int = 0


class _Making:
    """Makes a file of pages, and counts what passes."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self.rows = 0
        self.points = 0
        self.digest = hashlib.sha256()
        self._sheet = sheet

    async def chunks(self, pages: AsyncIterator[Page]) -> AsyncIterator[bytes]:
        """Yield the content; raises Misfit."""
        yield await self._made(self._sheet.begin)
        async for page in pages:
            self.rows += len(page.rows)
            self.points += page.points
            yield await self._made(self._sheet.add, page.rows)
        yield await self._made(self._sheet.end)

    async def _made(self, step: Callable[..., bytes], *given: Any) -> bytes:
        def made() -> bytes:
            content = step(*given)
            self.digest.update(content)
            return content

        return await asyncio.to_thread(made)


async def write(place: Place, key: str, sheet: Sheet[Any], pages: AsyncIterator[Page]) -> Written:
    """Write a file and read it back.

    Raises Misfit, having written nothing; Unavailable where what is there differs from what was
    written; StoreError.
    """
    making = _Making(sheet)
    size = await place.put_stream(key, making.chunks(pages))
    there = hashlib.sha256()
    async for part in place.get_stream(key):
        there.update(part)
    checksum = making.digest.hexdigest()
    if there.hexdigest() != checksum:
        raise Unavailable(f"The archive's file {key} could not be read back as it was written")
    return Written(key=key, rows=making.rows, points=making.points, size=size, checksum=checksum)


async def write_fitting(
    place: Place,
    key: str,
    columns: Sequence[Column],
    begun: Callable[[Sequence[Column]], Sheet[Any]],
    pages: Callable[[], AsyncIterator[Page]],
) -> Written:
    """Write a file as ``write`` does, again with columns as text where values are not of a type.

    ``pages`` begins with the first page each time.
    """
    while True:
        try:
            return await write(place, key, begun(columns), pages())
        except Misfit as misfit:  # at most once for each column: text fits always
            columns = widened(columns, misfit)
