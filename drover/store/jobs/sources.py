"""What a job runs over, counted and taken from the tables of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.store.columns import SOURCES, row_columns
from drover.store.compile import compile_query
from drover.store.compile.columns import JsonColumn
from drover.store.ownership import with_owned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.run import Execution, Target
    from drover.query.tree import Node
    from drover.store.compile.columns import Column, ColumnMap
    from drover.store.driver import Transaction

TABLES: Final[Mapping[str, str]] = {
    "device": "device",
    "dataTableRow": "table_row",
    "experienceUser": "experience_user",
    "experienceGroup": "experience_group",
}
"""The table of each resource type, which names its statements."""


async def snapshot(
    tx: Transaction, execution: Execution, target: Target, query: Node, window: tuple[str, int]
) -> str | None:
    """Add matching resources in order of their ids, up to so many after an id.

    Returns the last id to go on from; None when that was all.
    """
    after_id, limit = window
    source = SOURCES[target.resource_type]
    application_id = str(execution.application_id)
    asked = await with_owned(tx, target.resource_type, application_id, query)
    condition = compile_query(asked, _columns(target), tx.dialect, row_by_row=True)
    params = {
        **condition.params,
        "number": execution.number,
        "application_id": application_id,
        "data_table_id": target.data_table_id,
        "after_id": after_id,
        "limit": limit,
    }
    # Names of tables and columns are the program's own; values are parameters.
    await tx.execute_sql(
        "INSERT INTO iteration (execution, resource_id, resource_name)"  # noqa: S608
        f" SELECT CAST(:number AS BIGINT), {source.id_sql}, {source.name_sql}"
        f" FROM {source.from_sql} WHERE {source.where_sql}"
        f" AND {source.id_sql} > :after_id AND {condition.sql}"
        f" ORDER BY {source.id_sql} LIMIT :limit"
        " ON CONFLICT (execution, resource_id) DO NOTHING",
        params,
    )
    row = await tx.fetch_one("iterations_last", {"number": execution.number})
    last: str | None = row["resource_id"] if row is not None else None
    return last if last is not None and last > after_id else None


async def matching(
    tx: Transaction, application_id: str, target: Target, query: Node, sample: int
) -> tuple[int, list[bytes]]:
    """Count the resources that match now, and read the first of them by id."""
    source = SOURCES[target.resource_type]
    asked = await with_owned(tx, target.resource_type, application_id, query)
    condition = compile_query(asked, _columns(target), tx.dialect)
    params = {
        **condition.params,
        "application_id": application_id,
        "data_table_id": target.data_table_id,
    }
    # Names of tables and columns are the program's own; values are parameters.
    chosen = f"FROM {source.from_sql} WHERE {source.where_sql} AND {condition.sql}"
    counted = await tx.fetch_sql(f"SELECT count(*) AS count {chosen}", params)
    rows = await tx.fetch_sql(
        f"SELECT {source.document_sql} AS document {chosen} ORDER BY {source.id_sql} LIMIT :sample",
        {**params, "sample": sample},
    )
    return counted[0]["count"], [row["document"].encode() for row in rows]


class _RowColumns(dict[str, "Column"]):
    """The columns of any data table: the query was checked against the table's own before."""

    def __missing__(self, name: str) -> Column:
        return JsonColumn("table_row.document", name)


_ROWS: Final = _RowColumns(row_columns(()))


def _columns(target: Target) -> ColumnMap:
    if target.resource_type == "dataTableRow":
        return _ROWS
    return SOURCES[target.resource_type].columns
