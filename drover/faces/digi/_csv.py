"""Jobs as a table of comma-separated values (RFC 4180), in pieces."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from drover.faces.digi._moments import shown_moment
from drover.model.inventory import Inventoried
from drover.query.digi.fields import DEVICE_TIMES, FIELDS, JOB_TIMES, DigiType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

Converters: TypeAlias = "list[tuple[int, Callable[[Any], Any]]]"
"""Columns by place, and what makes text of their values."""

CSV: Final = "text/csv;charset=UTF-8"
"""The media type."""

DEFAULT_COLUMNS: Final = tuple(name for name in Inventoried.__struct_fields__ if name != "targets")
"""The columns of a table that names none."""

_TIMES: Final = frozenset({*JOB_TIMES, *DEVICE_TIMES})
_OWN_WORDS: Final = frozenset({"job_type", "source_id", "device_id", "targets"})
_FORMULA: Final = frozenset("=+-@\t\r")


async def table(
    rows: AsyncIterator[Sequence[Sequence[Any]]], columns: Sequence[str], *, raw: bool
) -> AsyncIterator[bytes]:
    """Yield a table in pieces, the header first.

    Text that a spreadsheet would take for a formula gets an apostrophe before it, unless ``raw``.
    """
    yield (",".join(columns) + "\r\n").encode()
    converters = _converters(columns, raw=raw)
    async for batch in rows:
        yield "".join(lines(batch, len(columns), converters)).encode(errors="replace")


def lines(
    rows: Iterable[Sequence[Any]],
    width: int,
    converters: Converters,
) -> list[str]:
    """Return rows as lines; only their first ``width`` values are columns."""
    if width == 1:
        return [line for row in rows for line in _alone(row[:1], converters)]
    # This runs for each of a million jobs: the writer, in C, does the quoting, and only columns
    # that need it are touched before.
    written: list[str] = []
    csv.writer(_Lines(written), lineterminator="\r\n").writerows(
        [_converted(row[:width], converters) for row in rows]
    )
    return written


def _alone(row: Sequence[Any], converters: Converters) -> list[str]:
    """Return the lines of a row with one column: empty ones are not quoted, as elsewhere."""
    cells = _converted(row, converters)
    if cells[0] in (None, ""):
        return ["\r\n"]
    written: list[str] = []
    csv.writer(_Lines(written), lineterminator="\r\n").writerow(cells)
    return written


def _converted(row: Sequence[Any], converters: Converters) -> list[Any]:
    cells = list(row)
    for index, convert in converters:
        value = cells[index]
        if value is not None:
            cells[index] = convert(value)
    return cells


class _Lines:
    """What the writer writes to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _converters(columns: Sequence[str], *, raw: bool) -> Converters:
    found: Converters = []
    for index, name in enumerate(columns):
        if name in _TIMES:
            found.append((index, shown_moment))
        elif name == "cancel_requested":
            found.append((index, _truth))
        elif not raw and _holds_text(name):
            found.append((index, _harmless))
    return found


def _holds_text(name: str) -> bool:
    field = FIELDS.get(name)
    free = (DigiType.TEXT, DigiType.GROUP, DigiType.TAG)
    return field is not None and field.type in free and name not in _OWN_WORDS


def _truth(value: Any) -> str:
    return "true" if value else "false"


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA else text
