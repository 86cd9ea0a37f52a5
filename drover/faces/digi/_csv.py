"""Jobs as a table of comma-separated values (RFC 4180), in pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from drover.faces.digi._moments import shown_moment
from drover.model.inventory import Inventoried
from drover.query.digi.fields import DEVICE_TIMES, FIELDS, JOB_TIMES, DigiType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

Converter: TypeAlias = "Callable[[Sequence[Any]], Sequence[str]]"
"""What makes cells of all values of a column."""

Converters: TypeAlias = "list[Converter]"

CSV: Final = "text/csv;charset=UTF-8"
"""The media type."""

DEFAULT_COLUMNS: Final = tuple(name for name in Inventoried.__struct_fields__ if name != "targets")
"""The columns of a table that names none."""

_TIMES: Final = frozenset({*JOB_TIMES, *DEVICE_TIMES})
_PLAIN: Final = frozenset(
    {"job_type", "status", "source", "source_id", "device_id", "targets"}
    | {name for name, field in FIELDS.items() if field.type is DigiType.NUMERIC}
)
_ODD: Final = re.compile(r'[",\r\n]')
_FORMULA: Final = frozenset("=+-@\t\r")


async def table(
    rows: AsyncIterator[Sequence[Sequence[Any]]], columns: Sequence[str], *, raw: bool
) -> AsyncIterator[bytes]:
    """Yield a table in pieces, the header first.

    Text that a spreadsheet would take for a formula gets an apostrophe before it, unless ``raw``.
    """
    yield (",".join(columns) + "\r\n").encode()
    converters: Converters = _converters(columns, raw=raw)
    async for batch in rows:
        yield "".join(lines(batch, len(columns), converters)).encode(errors="replace")


def lines(rows: Sequence[Iterable[Any]], width: int, converters: Converters) -> list[str]:
    """Return rows as lines; only their first ``width`` values are columns."""
    if not rows:
        return []
    # This runs for each of a million jobs, so whole columns are converted at a time.
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
    del columns[width:]
    for index, convert in enumerate(converters):
        columns[index] = convert(columns[index])
    return [f"{line}\r\n" for line in map(",".join, zip(*columns, strict=True))]


def _converters(columns: Sequence[str], *, raw: bool) -> Converters:
    return [_converter(name, raw=raw) for name in columns]


def _converter(name: str, *, raw: bool) -> Converter:
    if name in _TIMES:
        return _moments
    if name == "cancel_requested":
        return _truths
    if name in _PLAIN:
        return _plain
    return _texts if raw else _harmless


def _moments(values: Sequence[Any]) -> list[str]:
    return ["" if value is None else shown_moment(value) for value in values]


def _truths(values: Sequence[Any]) -> list[str]:
    return ["true" if value else "false" for value in values]


def _plain(values: Sequence[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in values]


def _texts(values: Sequence[Any]) -> list[str]:
    return [_quoted(text) if text else "" for text in values]


def _harmless(values: Sequence[Any]) -> list[str]:
    return [
        (_quoted(f"'{text}") if text[0] in _FORMULA else _quoted(text)) if text else ""
        for text in values
    ]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _ODD.search(text) else text
