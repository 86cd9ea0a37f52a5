"""Jobs as a table of comma-separated values (RFC 4180), in pieces."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from drover.faces.digi._moments import shown_moment
from drover.model.inventory import Inventoried
from drover.query.digi.fields import DEVICE_TIMES, FIELDS, JOB_TIMES, DigiType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

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
    converters: Sequence[tuple[int, Callable[[Any], Any]]],
) -> list[str]:
    """Return rows as lines; only their first ``width`` values are columns."""
    written: list[str] = []
    # This runs for each of a million jobs: the writer, in C, does the quoting, and only columns
    # that need it are touched before.
    writer = csv.writer(_Lines(written), lineterminator="\r\n")
    for row in rows:
        cells = list(row[:width])
        for index, convert in converters:
            value = cells[index]
            if value is not None:
                cells[index] = convert(value)
        if width == 1 and cells[0] in (None, ""):
            written.append("\r\n")  # the writer would quote it
        else:
            writer.writerow(cells)
    return written


class _Lines:
    """What the writer writes to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _converters(columns: Sequence[str], *, raw: bool) -> list[tuple[int, Callable[[Any], Any]]]:
    found: list[tuple[int, Callable[[Any], Any]]] = []
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
