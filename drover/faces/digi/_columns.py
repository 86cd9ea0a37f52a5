"""The columns that a table is asked for."""

from __future__ import annotations

from typing import Final

from drover.faces.digi._csv import DEFAULT_COLUMNS
from drover.model.errors import Invalid
from drover.query.digi.fields import field_named

_MORE: Final = frozenset({"cancel_requested", "targets"})
_SHOWN: Final = 64


def chosen_columns(fields: str) -> tuple[str, ...]:
    """Return the columns that ``fields`` names, all when it is blank; raises Invalid."""
    if not fields.strip():
        return DEFAULT_COLUMNS
    return tuple(dict.fromkeys(_column(name.strip()) for name in fields.split(",")))


def _column(name: str) -> str:
    if name.lower() in _MORE:
        return name.lower()
    field = field_named(name)
    if field is None:
        raise Invalid(f"fields: unknown field '{name[:_SHOWN]}'", field="fields")
    return field.name
