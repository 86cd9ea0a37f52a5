"""Text of values with separators between them (CSV), as workflows read and write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_MARK: Final = 10
"""Characters of a separator."""


class NotSeparated(ValueError):
    """The text cannot be read with these separators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Separators:
    """What stands between values, between rows, around values, and before a quote in a value."""

    value: str = ","
    row: str = "\n"
    quote: str = '"'
    escape: str = '"'

    def check(self) -> None:
        """Raise NotSeparated where one is empty, too long, or two cannot be told apart."""
        marks = (self.value, self.row, self.quote, self.escape)
        if not all(0 < len(mark) <= MOST_MARK for mark in marks):
            raise NotSeparated(f"A separator has from 1 to {MOST_MARK} characters")
        if len({self.value, self.row, self.quote}) < 3:  # noqa: PLR2004 - they are three
            raise NotSeparated("Separators of values, rows and quotes must differ")


def read(text: str, by: Separators) -> list[list[str]]:
    """Return the rows of a text; blank ones are left out. Raises NotSeparated."""
    by.check()
    field = _field(by)
    rows: list[list[str]] = []
    row: list[str] = []
    place = 0
    while place < len(text) or row:
        found = field.match(text, place)
        if found is None:
            raise NotSeparated(f"Row {len(rows) + 1} has a value whose quotes do not match")
        row.append(_value(found, by))
        blank = found.start() == found.start("end") and len(row) == 1
        place = found.end()
        if found["end"] != by.value:
            if not blank:
                rows.append(row)
            row = []
    return rows


def write(rows: Iterable[Sequence[str]], by: Separators) -> str:
    """Return rows as text; values that need it are quoted. Raises NotSeparated.

    So is a row's only value where it is empty: its line would be blank, and no row.
    """
    by.check()
    return by.row.join(_line(row, by) for row in rows)


def _line(row: Sequence[str], by: Separators) -> str:
    if list(row) == [""]:
        return by.quote * 2
    return by.value.join(_quoted(value, by) for value in row)


def _field(by: Separators) -> re.Pattern[str]:
    quote, escape = re.escape(by.quote), re.escape(by.escape)
    ends = rf"(?P<end>{re.escape(by.value)}|{_row_end(by)}|\Z)"
    inner = rf"(?:{escape}{quote}|(?!{quote}).)*+" if by.escape == by.quote else _escaped(by)
    return re.compile(rf"(?:{quote}(?P<quoted>{inner}){quote}|(?P<plain>.*?)){ends}", re.DOTALL)


def _escaped(by: Separators) -> str:
    quote, escape = re.escape(by.quote), re.escape(by.escape)
    return rf"(?:{escape}.|(?!{quote}).)*+"


def _row_end(by: Separators) -> str:
    return r"\r?\n" if by.row == "\n" else re.escape(by.row)


def _value(found: re.Match[str], by: Separators) -> str:
    quoted = found["quoted"]
    if quoted is None:
        plain = found["plain"]
        if plain.startswith(by.quote):
            raise NotSeparated("A value has quotes that do not match")
        return plain
    if by.escape == by.quote:
        return quoted.replace(by.quote * 2, by.quote)
    return re.sub(rf"{re.escape(by.escape)}(.)", r"\1", quoted, flags=re.DOTALL)


def _quoted(value: str, by: Separators) -> str:
    # A value that ends as a separator begins would be cut there, so that a first character counts.
    special = (by.value[0], by.row[0], by.quote, "\n", "\r")
    if not any(mark in value for mark in special):
        return value
    if by.escape != by.quote:
        value = value.replace(by.escape, by.escape * 2)
    return f"{by.quote}{value.replace(by.quote, by.escape + by.quote)}{by.quote}"
