"""Archives as Parquet: columns with types, compressed by zstd, a row group for each page.

A column whose values are not all of its type is text, as CSV has it: nothing is lost. pyarrow comes
with the extra ``parquet`` and is loaded when the first file is begun.
"""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.archives.forms import Column, Form, Misfit
from drover.app.archives.lines import SEPARATOR, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.ports.archives import Moment, StoredLine

Cells = list[str | None]
"""Values of a column: JSON texts of numbers and booleans, else text; None where there is none."""

_EXACT_DIGITS: Final = 15
_BOOLEANS: Final[Mapping[str | None, bool | None]] = {"true": True, "false": False, None: None}
_WORDS: Final[Mapping[str, str | None]] = {"true": "1", "false": "0", "null": None}
_LEADING: Final = (Column("ID"), Column("Timestamp", "time"))


def missing() -> bool:
    """Tell whether what writes Parquet is not installed."""
    return importlib.util.find_spec("pyarrow") is None


class _Taken(io.RawIOBase):
    """Takes what a writer writes, until it is asked for."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._gone = 0

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: Any, /) -> int:
        """Take some bytes."""
        self._waiting += data
        return len(data)

    def tell(self) -> int:
        """Return how many bytes were taken in all."""
        return self._gone + len(self._waiting)

    def taken(self) -> bytes:
        """Return what came since this was asked last."""
        content = bytes(self._waiting)
        self._gone += len(content)
        self._waiting.clear()
        return content


class _Groups:
    """A Parquet file, while it is written: a row group at a time, of which none is kept."""

    def __init__(self, columns: Sequence[Column]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        types = {
            "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string(),
            "time": pa.timestamp("ms", tz="UTC"),
        }  # fmt: skip
        self._columns = columns
        self._batch = pa.RecordBatch.from_arrays
        self._schema = pa.schema(
            [(name, types[each.type]) for name, each in zip(_apart(columns), columns, strict=True)]
        )
        self._sink = _Taken()
        self._writer = ParquetWriter(self._sink, self._schema, compression="zstd")

    def add(self, leading: Sequence[Any], cells: Sequence[Cells]) -> bytes:
        """Write a row group: ``leading`` are the first columns as they are, and cells the others.

        Raises Misfit.
        """
        own = self._columns[len(leading) :]
        arrays: list[Any] = [*leading]
        misfits = []
        for column, some in zip(own, cells, strict=True):
            try:
                arrays.append(_ARRAYS[column.type](some))
            except (ValueError, OverflowError, KeyError):  # pyarrow's own errors are ValueErrors
                misfits.append(column.name)
        if misfits:
            raise Misfit(misfits)
        self._writer.write_batch(self._batch(arrays, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        """Write the footer."""
        self._writer.close()
        return self._sink.taken()


class _Sheet:
    """What begins and ends every file."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._groups: _Groups

    def begin(self) -> bytes:
        """Begin the file: no bytes are ready before the first rows."""
        self._groups = _Groups(self._columns)
        return b""

    def end(self) -> bytes:
        """End the file."""
        return self._groups.end()


class ParquetStates(_Sheet):
    """What a device reported: a row for each moment, a column for each attribute."""

    def __init__(self, device_id: str, attributes: Sequence[Column]) -> None:
        super().__init__((*_LEADING, *attributes))
        self._device_id = device_id
        self._attributes = attributes
        self._index = {each.name: place for place, each in enumerate(attributes)}

    def add(self, page: Sequence[Moment], /) -> bytes:
        """Add a row for each moment; raises Misfit."""
        import pyarrow as pa

        times = pa.array([each.time_ms for each in page], pa.timestamp("ms", tz="UTC"))
        ids = pa.array([self._device_id] * len(page), pa.string())
        return self._groups.add((ids, times), self._cells(page))

    def _cells(self, page: Sequence[Moment]) -> list[Cells]:
        cells: list[Cells] = [[None] * len(page) for _ in self._attributes]
        for row, (_, names, values, _) in enumerate(page):
            for name, value in zip(names.split("\t"), values.split(SEPARATOR), strict=True):
                place = self._index.get(name)
                if place is not None:
                    cells[place][row] = value
        return [
            [_reported_text(each) for each in some]
            if column.type == "text"
            else [None if each == "null" else each for each in some]
            for column, some in zip(self._attributes, cells, strict=True)
        ]


class ParquetDocuments(_Sheet):
    """Documents: a row for each, a column for each of the members that are named."""

    def add(self, page: Sequence[StoredLine], /) -> bytes:
        """Add a row for each document; raises Misfit."""
        documents = [msgspec.json.decode(each.document) for each in page]
        cells = [
            [_document_text(each.get(column.name), column) for each in documents]
            for column in self._columns
        ]
        return self._groups.add((), cells)


def _reported_text(value: str | None) -> str | None:
    if value is None:
        return None
    if value[:1] in '"{[':
        return plain(msgspec.json.decode(value))
    return _WORDS.get(value, value)


def _document_text(value: Any, column: Column) -> str | None:
    if value is None:
        return None
    if column.type in ("number", "boolean"):
        return msgspec.json.encode(value).decode()
    return plain(value)


def _numbers(cells: Cells) -> Any:
    import pyarrow as pa

    for text in cells:
        # A whole number that no double holds is a misfit.
        if text is not None and len(text) > _EXACT_DIGITS and text.lstrip("-").isdigit():
            number = int(text)
            if float(number) != number:
                raise ValueError(text)
    return pa.array(cells, pa.string()).cast(pa.float64())


def _booleans(cells: Cells) -> Any:
    import pyarrow as pa

    return pa.array([_BOOLEANS[each] for each in cells], pa.bool_())


def _times(cells: Cells) -> Any:
    import pyarrow as pa

    return pa.array(cells, pa.string()).cast(pa.timestamp("ms", tz="UTC"))


def _texts(cells: Cells) -> Any:
    import pyarrow as pa

    return pa.array(cells, pa.string())


_ARRAYS: Final[Mapping[str, Callable[[Cells], Any]]] = {
    "number": _numbers,
    "boolean": _booleans,
    "time": _times,
    "text": _texts,
}


def _apart(columns: Sequence[Column]) -> list[str]:
    """Return the names of columns; the later of two alike, which readers refuse, gets a `_`."""
    names: dict[str, None] = {}
    for column in columns:
        name = column.name
        while name in names:
            name += "_"
        names[name] = None
    return list(names)


PARQUET: Final = Form(".parquet", ParquetStates, ParquetDocuments)
