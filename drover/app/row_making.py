"""Rows of a data table in the making: what they are given is checked against the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from drover.model.errors import Invalid
from drover.model.instants import to_text
from drover.ports.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.kinds.data_table import DataTable

LONGEST_TEXT: Final = 65_536
"""Characters of a text value."""


class RowMaker:
    """Makes rows of one table; what it knows of the columns is found once for all of them."""

    def __init__(self, table: DataTable) -> None:
        self._columns = {column.name: column for column in table.columns}
        self._needed = [column.name for column in table.columns if column.needed]
        self._unique = [c.name for c in table.columns if c.constraint == "unique"]
        self._empty = {
            column.name: None if column.default_value is UNSET else column.default_value
            for column in table.columns
        }

    def checked(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a row is given; raises Invalid for what its columns do not hold."""
        for name, value in given.items():
            column = self._columns.get(name)
            if column is None:
                raise Invalid(f"Object contains unknown field `{name[:255]}`", field=name[:255])
            if value is not None and not column.accepts(value):
                raise Invalid(f"Expected `{column.data_type}` at `{name}`", field=name)
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                message = f"Expected at most {LONGEST_TEXT} characters at `{name}`"
                raise Invalid(message, field=name)
        return given

    def new(self, now_ms: int, new_id: Callable[[], str]) -> Callable[[Mapping[str, Any]], Row]:
        """Return what makes new rows of one moment; that raises Invalid."""
        now = to_text(now_ms)
        moments = {"createdAt": now, "updatedAt": now}
        empty = self._empty

        def made(given: Mapping[str, Any]) -> Row:
            row_id = new_id()
            values = {"id": row_id, **moments, **empty, **self.checked(given)}
            return self._row(row_id, now_ms, now_ms, values)

        return made

    def changed(
        self, old: Mapping[str, Any], values: Mapping[str, Any], times: tuple[int, int]
    ) -> Row:
        """Return a row with other values; ``times`` are when it was made and is changed, in ms.

        Raises Invalid.
        """
        moments = {"createdAt": to_text(times[0]), "updatedAt": to_text(times[1])}
        own = {name: values[name] for name in self._columns}
        return self._row(old["id"], *times, {"id": old["id"], **moments, **own})

    def _row(self, row_id: str, created_ms: int, updated_ms: int, values: Mapping[str, Any]) -> Row:
        for name in self._needed:
            if values[name] is None:
                raise Invalid(f"Object missing required field `{name}`", field=name)
        unique = {name: values[name] for name in self._unique}
        return Row(row_id, created_ms, updated_ms, values, unique)
