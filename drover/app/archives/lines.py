"""Lines of archives: comma-separated values (RFC 4180), exact to the character.

Losant-compatible behaviour, section 7. Archives are read by programs: text that a spreadsheet would
take for a formula is left as it is, so that nothing is lost. Exports for people disarm it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drover.ports.archives import Moment

SEPARATOR: Final = "\x1f"
_NUMBERS: Final = re.compile(f"[-+0-9.eE{SEPARATOR}]*")
_WORDS: Final = {"true": "1", "false": "0", "null": ""}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def quoted(text: str) -> str:
    """Return text as a cell."""
    return '"' + text.replace('"', '""') + '"'


def plain(value: Any) -> str:
    """Return a JSON value, which is not null, as text: booleans 1 and 0, objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, int | float) else msgspec.json.encode(value).decode()


def cell(value: Any, *, safe: bool = False) -> str:
    """Return a JSON value as a cell: booleans 1 and 0, objects as JSON; ``safe`` disarms text."""
    if value is None:
        return ""
    text = plain(value)
    if isinstance(value, int | float):
        return text
    return quoted(f"'{text}" if safe and text.startswith(_FORMULA) else text)


def row(values: Iterable[Any], *, safe: bool = False) -> str:
    """Return values as a line."""
    return ",".join(cell(value, safe=safe) for value in values) + "\n"


def header(names: Iterable[str]) -> str:
    """Return the names of columns as a line."""
    return ",".join(quoted(name) for name in names) + "\n"


class StateLines:
    """Turns what a device reported into lines: one for each moment, a column for each attribute.

    Each line begins with ``lead``, which ends in a comma where it is not empty, and the moment,
    also as a date where it is ``dated``. Attributes that are not named are left out.
    """

    def __init__(
        self, lead: str, names: Sequence[str], *, safe: bool = False, dated: bool = True
    ) -> None:
        self._lead = lead
        self._safe = safe
        self._dated = dated
        self._count = len(names)
        self._every = "\t".join(names)
        self._index = {name: place for place, name in enumerate(names)}
        self._second, self._date = -1, ""

    def text(self, moments: Iterable[Moment]) -> str:
        """Return the lines of some moments."""
        every, numbers, lead = self._every, _NUMBERS.fullmatch, self._lead
        lines: list[str] = []
        for time_ms, names, values, _ in moments:
            if names == every and numbers(values):
                cells = values.replace(SEPARATOR, ",")
            else:
                cells = self._cells(names, values)
            lines.append(f"{lead}{time_ms},{self._iso(time_ms)}{cells}\n")
        return "".join(lines)

    def _cells(self, names: str, values: str) -> str:
        cells = [""] * self._count
        for name, value in zip(names.split("\t"), values.split(SEPARATOR), strict=True):
            if name in self._index:
                cells[self._index[name]] = self._cell(value)
        return ",".join(cells)

    def _cell(self, value: str) -> str:
        if value[:1] in '"{[':
            return cell(msgspec.json.decode(value), safe=self._safe)
        return _WORDS.get(value, value)

    def _iso(self, time_ms: int) -> str:
        if not self._dated:
            return ""
        second, rest = divmod(time_ms, 1000)
        if second != self._second:
            self._second, self._date = second, to_text(second * 1000)[:-4]
        return f"{self._date}{rest:03d}Z,"


def flat(document: Mapping[str, Any], columns: Sequence[str], *, safe: bool = False) -> str:
    """Return the members of a document named by ``columns`` as a line."""
    return row((document.get(column) for column in columns), safe=safe)
