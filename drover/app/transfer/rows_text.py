"""Rows of data tables as CSV: typed by their table's columns, and the same rows when read again.

An empty cell is an absent value. A text that is empty is written as a backslash, and one that
begins with a backslash gets another before it.
"""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct, structs

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from drover.kinds.data_table import Column
    from drover.ports.rows import StoredRows

_BOOLEANS: Final = {"true": True, "false": False}
_NUMBER: Final = msgspec.json.Decoder(int | float).decode
_MARKED: Final = ("", "\\")
"""How texts begin that get a backslash."""
_LONGEST_CELL: Final = 200_000

csv.field_size_limit(_LONGEST_CELL)


def head(columns: Sequence[Column]) -> str:
    """Return the line of the columns' names."""
    return _lines([[column.name for column in columns]])


def lines(columns: Sequence[Column], found: StoredRows) -> str:
    """Return the lines of stored rows, of which there is one at least."""
    if not columns:
        return _lines([()] * found.total)
    decode = _decoder(tuple(column.name for column in columns))
    # Column by column: numbers, and most texts, are written as they are.
    values = zip(*map(structs.astuple, decode(found.documents)), strict=True)
    written = [_WRITERS[column.data_type](own) for column, own in zip(columns, values, strict=True)]
    return _lines(zip(*written, strict=True))


def rows(columns: Sequence[Column], text: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV file as values by column; raises Invalid."""
    reader = csv.reader(text, strict=True)
    try:
        names = next(reader, [])
        readers = _readers(columns, names)
        for cells in reader:
            if len(cells) != len(readers):
                raise Invalid(f"Line {reader.line_num} has {len(cells)} cells")
            yield {name: read(cell) for (name, read), cell in zip(readers, cells, strict=True)}
    except (csv.Error, UnicodeError) as error:
        raise Invalid(f"Line {reader.line_num} is not valid CSV: {error}") from error
    except (msgspec.DecodeError, KeyError) as error:
        raise Invalid(f"Line {reader.line_num} has a value of another type") from error


def _readers(
    columns: Sequence[Column], names: Sequence[str]
) -> list[tuple[str, Callable[[str], Any]]]:
    known = {column.name: _READERS[column.data_type] for column in columns}
    if len(set(names)) < len(names) or not known.keys() >= set(names):
        raise Invalid("The first line must hold the names of columns, each once")
    return [(name, known[name]) for name in names]


def _lines(cells: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue()


@lru_cache(maxsize=64)
def _decoder(names: tuple[str, ...]) -> Callable[[str], list[Struct]]:
    """Return what reads the values of columns, in their order, out of an array of stored rows."""
    members = [
        (f"c{place}", Any, msgspec.field(name=name, default=None))
        for place, name in enumerate(names)
    ]
    shape = msgspec.defstruct("StoredValues", members, gc=False)
    array: Any = list[shape]  # type: ignore[valid-type]
    return msgspec.json.Decoder(array).decode


def _texts(values: Iterable[str | None]) -> list[str | None]:
    return [f"\\{each}" if each is not None and each[:1] in _MARKED else each for each in values]


def _booleans(values: Iterable[object]) -> list[str | None]:
    return [None if each is None else "true" if each else "false" for each in values]


def _read_text(cell: str) -> str | None:
    if not cell:
        return None
    return cell[1:] if cell[0] == "\\" else cell


def _read_boolean(cell: str) -> bool | None:
    return _BOOLEANS[cell] if cell else None


def _read_number(cell: str) -> int | float | None:
    return _NUMBER(cell) if cell else None


_WRITERS: Final[dict[str, Callable[[Iterable[Any]], Iterable[Any]]]] = {
    "string": _texts,
    "boolean": _booleans,
    "number": list,
}
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": _read_text,
    "boolean": _read_boolean,
    "number": _read_number,
}
