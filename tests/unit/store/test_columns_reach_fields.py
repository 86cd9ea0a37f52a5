"""Every field that a query may name has its place in the tables."""

from __future__ import annotations

import pytest

from drover.query.fields import Field, FieldSet, FieldType
from drover.query.kinds import (
    APPLICATION_KEYS,
    DEVICES,
    EVENTS,
    EXPERIENCE_GROUPS,
    EXPERIENCE_USERS,
    FLOW_VERSIONS,
    FLOWS,
    data_table_rows,
)
from drover.query.tree import (
    Compare,
    ElementMatch,
    Instant,
    Member,
    Node,
    Operator,
    TagMatch,
    Value,
)
from drover.store.columns import COLUMNS, DOCUMENT_COLUMNS, row_columns
from drover.store.compile import DialectName, compile_query
from drover.store.compile.columns import ColumnMap

_SAMPLES: dict[FieldType, Value] = {
    FieldType.ID: "575ec8687ae143cd83dc4a97",
    FieldType.TEXT: "x",
    FieldType.NUMBER: 1.5,
    FieldType.BOOLEAN: True,
    FieldType.DATE: Instant(5),
}
_CASES: list[tuple[FieldSet, ColumnMap]] = [
    (DEVICES, COLUMNS["device"]),
    (EVENTS, COLUMNS["event"]),
    (EXPERIENCE_USERS, COLUMNS["experience_user"]),
    (EXPERIENCE_GROUPS, COLUMNS["experience_group"]),
    (FLOWS, COLUMNS["flow"]),
    (FLOW_VERSIONS, COLUMNS["flow_version"]),
    (APPLICATION_KEYS, {**COLUMNS["document"], **DOCUMENT_COLUMNS["applicationKey"]}),
    (data_table_rows({"speed": "number", "on": "boolean"}), row_columns(["speed", "on"])),
]


def _asking(field: Field) -> Node:
    if field.type is FieldType.TAGS:
        return TagMatch(field.name)
    if field.type is FieldType.ELEMENTS:
        return ElementMatch(field.name, (Member(("type",), "x"),))
    return Compare(field.name, Operator.EQUAL, _SAMPLES[field.type])


@pytest.mark.parametrize(("fields", "columns"), _CASES, ids=[case[0].kind for case in _CASES])
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_each_field_of_a_kind_compiles(
    fields: FieldSet, columns: ColumnMap, dialect: DialectName
) -> None:
    for field in fields.fields.values():
        assert compile_query(_asking(field), columns, dialect).sql
