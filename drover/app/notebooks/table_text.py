"""Rows of a data table out of a CSV file that a notebook left."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.kinds.data_table import ROW_FIELDS, Column
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.kinds.data_table import DataTable

_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}
_MOST_ROWS: Final = 100_000


def parsed(content: bytes) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns and the cells of each row; raises Invalid."""
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"The file is no CSV: {error}") from error
    lines = [line for line in lines if line]
    if not lines:
        raise Invalid("The file has no line of names")
    names, rows = lines[0], lines[1:]
    if len(set(names)) != len(names):
        raise Invalid("Two columns of the file have one name")
    if len(rows) > _MOST_ROWS:
        raise Invalid(f"The file has more than {_MOST_ROWS} rows")
    if any(len(each) != len(names) for each in rows):
        raise Invalid("A row of the file has more or fewer cells than names")
    return names, rows


def unknown(table: DataTable, names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns that the table lacks, each of the type that all its cells have."""
    known = {*ROW_FIELDS, *(column.name for column in table.columns)}
    return [
        _column(name, _type([row[at] for row in rows]))
        for at, name in enumerate(names)
        if name not in known
    ]


def documents(
    table: DataTable, names: Sequence[str], rows: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the rows as the table takes them; raises Invalid. An empty cell has no value."""
    types = {column.name: column.data_type for column in table.columns}
    return [
        {
            name: _value(name, types.get(name, "string"), cell)
            for name, cell in zip(names, row, strict=True)
            if name not in ROW_FIELDS and cell
        }
        for row in rows
    ]


def _column(name: str, data_type: str) -> Column:
    try:
        return msgspec.convert(
            {"name": name, "dataType": data_type, "constraint": "optional"}, Column
        )
    except msgspec.ValidationError as error:
        raise Invalid(f"{name[:255]!r} is no name of a column", field="columns") from error


def _type(cells: Sequence[str]) -> Any:
    given = [each for each in cells if each]
    if given and all(_number(each) is not None for each in given):
        return "number"
    if given and all(each.lower() in ("true", "false") for each in given):
        return "boolean"
    return "string"


def _value(name: str, data_type: str, cell: str) -> Any:
    if data_type == "number":
        value: Any = _number(cell)
    elif data_type == "boolean":
        value = _WORDS.get(cell.lower())
    else:
        value = cell
    if value is None:
        raise Invalid(f"{cell[:255]!r} is no {data_type} at `{name[:255]}`", field=name[:255])
    return value


def _number(cell: str) -> float | int | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
