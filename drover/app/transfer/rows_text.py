"""Rows of data tables as CSV: typed by their table's columns, and the same rows when read again.

An empty cell is an absent value. A text that is empty is written as a backslash, and one that
begins with a backslash gets another before it.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from drover.kinds.data_table import Column

_BOOLEANS: Final = {"true": True, "false": False}
_NUMBER: Final = msgspec.json.Decoder(int | float).decode
_DOCUMENT: Final = msgspec.json.Decoder().decode
_LONGEST_CELL: Final = 200_000

csv.field_size_limit(_LONGEST_CELL)


def head(columns: Sequence[Column]) -> str:
    """Return the line of the columns' names."""
    return _lines([[column.name for column in columns]])


def lines(columns: Sequence[Column], documents: Iterable[str]) -> str:
    """Return the lines of stored rows."""
    writers = [(column.name, _WRITERS[column.data_type]) for column in columns]
    return _lines(
        [
            ["" if (value := row.get(name)) is None else write(value) for name, write in writers]
            for row in map(_DOCUMENT, documents)
        ]
    )


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


def _text(value: str) -> str:
    return f"\\{value}" if not value or value[0] == "\\" else value


def _boolean(value: object) -> str:
    return "true" if value else "false"


def _number(value: float) -> str:
    return msgspec.json.encode(value).decode()


def _read_text(cell: str) -> str | None:
    if not cell:
        return None
    return cell[1:] if cell[0] == "\\" else cell


def _read_boolean(cell: str) -> bool | None:
    return _BOOLEANS[cell] if cell else None


def _read_number(cell: str) -> int | float | None:
    return _NUMBER(cell) if cell else None


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "string": _text,
    "boolean": _boolean,
    "number": _number,
}
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": _read_text,
    "boolean": _read_boolean,
    "number": _read_number,
}
