"""A table of rows with typed columns, kept for workflows and people."""

from __future__ import annotations

from sys import float_info
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import CreateOnly, Key, Name, Prose
from drover.model.kind import Kind
from drover.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_COLUMNS = 50
ROW_FIELDS = ("id", "createdAt", "updatedAt")
_TYPES = {"string": str, "boolean": bool}

Value = str | bool | int | float


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One column: its values have one type, and may have to be given or to be unique."""

    name: Key
    data_type: Literal["string", "number", "boolean"]
    constraint: Literal["unique", "required", "optional"]
    default_value: Value | UnsetType = UNSET

    def accepts(self, value: object) -> bool:
        """Tell whether a value, which is not null, has the column's type.

        A number must be one that a double holds, since databases compare and sort them as such.
        """
        if self.data_type == "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return abs(value) <= float_info.max
        return isinstance(value, _TYPES[self.data_type])

    @property
    def needed(self) -> bool:
        """Whether each row must have a value."""
        return self.constraint != "optional"


class DataTable(Resource, frozen=True, kw_only=True):
    """A table of rows with typed columns."""

    name: Name
    description: Prose | UnsetType = UNSET
    columns: CreateOnly[Annotated[tuple[Column, ...], Meta(max_length=MOST_COLUMNS)]] = ()


def check_columns(columns: Sequence[Column]) -> None:
    """Raise Invalid where columns share a name, take one of a row's own, or default wrongly."""
    names = [column.name for column in columns]
    if len(names) > MOST_COLUMNS:
        raise Invalid(f"A table has at most {MOST_COLUMNS} columns", field="columns")
    if len(set(names)) < len(names) or not set(names).isdisjoint(ROW_FIELDS):
        raise Invalid("Each column needs a name of its own at `columns`", field="columns")
    for column in columns:
        default = column.default_value
        if default is not UNSET and not column.accepts(default):
            message = f"The default value of {column.name} must be a {column.data_type}"
            raise Invalid(message, field="defaultValue")


def _check(table: DataTable) -> None:
    check_columns(table.columns)


KIND = Kind(
    DataTable,
    one="dataTable",
    many="dataTables",
    path="data-tables",
    cli_may=frozenset({"get"}),
    exported_as="DataTable",
    bundled_in="dataTables/{name}.yaml",
    label="Data table",
    counted_as="dataTableCount",
    check=_check,
)
