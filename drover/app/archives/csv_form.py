"""Archives as gzip CSV, the published form. Losant-compatible behaviour, section 7."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from drover.app.archives.forms import Form
from drover.app.archives.lines import StateLines, flat, header

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.app.archives.forms import Column, Sheet
    from drover.ports.archives import Moment, StoredLine

T = TypeVar("T")

_LEVEL: Final = 2
_GZIP: Final = 31


class _Gzip(Generic[T]):
    """A header and lines, compressed."""

    def __init__(self, names: Sequence[str], lines: Callable[[Sequence[T]], str]) -> None:
        self._names = names
        self._lines = lines
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)  # no time in its header: repeatable

    def begin(self) -> bytes:
        """Begin with the names of the columns."""
        return self._packer.compress(header(self._names).encode())

    def add(self, page: Sequence[T], /) -> bytes:
        """Add a line for each of a page."""
        return self._packer.compress(self._lines(page).encode())

    def end(self) -> bytes:
        """End the file."""
        return self._packer.flush()


def _states(device_id: str, attributes: Sequence[Column]) -> Sheet[Moment]:
    names = [each.name for each in attributes]
    return _Gzip(("ID", "Timestamp", "ISO Date", *names), StateLines(f"{device_id},", names).text)


def _documents(columns: Sequence[Column]) -> Sheet[StoredLine]:
    names = [each.name for each in columns]

    def lines(page: Sequence[StoredLine]) -> str:
        return "".join(flat(msgspec.json.decode(each.document), names) for each in page)

    return _Gzip(names, lines)


CSV: Final = Form(".csv.gz", _states, _documents)
