"""Where the resources of a job are: the tables a snapshot is taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.store.compile import compile_query
from drover.store.compile.columns import Plain, TagRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.run import Execution, Target
    from drover.query.tree import Node
    from drover.store.compile.columns import ColumnMap
    from drover.store.driver import Transaction


@dataclass(frozen=True, slots=True)
class Source:
    """A table of resources: how they are named, and which of them belong to the job."""

    table: str
    name: str
    scope: str = "application_id = :application_id"


SOURCES: Final[Mapping[str, Source]] = {
    "device": Source("device", "name", "application_id = :application_id AND deleted_ms IS NULL"),
    "dataTableRow": Source(
        "table_row", "id", "application_id = :application_id AND table_id = :table_id"
    ),
    "experienceUser": Source("experience_user", "email"),
    "experienceGroup": Source("experience_group", "name"),
}
"""The source of each resource type a job may run over."""

_COLUMNS: Final[Mapping[str, ColumnMap]] = {
    "device": {
        "id": Plain("device.id"),
        "name": Plain("device.name"),
        "tags": TagRows(
            "device_tag AS tag WHERE tag.device_id = device.id", "tag.key", "tag.value"
        ),
    },
    "dataTableRow": {"id": Plain("table_row.id")},
    "experienceUser": {"id": Plain("experience_user.id")},
    "experienceGroup": {"id": Plain("experience_group.id")},
}


async def snapshot(
    tx: Transaction, execution: Execution, target: Target, query: Node, window: tuple[str, int]
) -> str | None:
    """Add matching resources in order of their ids, up to so many after an id.

    Returns the last id to go on from; None when that was all.
    """
    after_id, limit = window
    source = SOURCES[target.resource_type]
    condition = compile_query(query, _COLUMNS[target.resource_type], tx.dialect)
    params = {
        **condition.params,
        "number": execution.number,
        "application_id": execution.application_id,
        "table_id": target.data_table_id,
        "after_id": after_id,
        "limit": limit,
    }
    # Names of tables and columns are constants of this module; values are parameters.
    await tx.execute_sql(
        "INSERT INTO iteration (execution, resource_id, resource_name)"  # noqa: S608
        f" SELECT CAST(:number AS BIGINT), id, {source.name} FROM {source.table}"
        f" WHERE {source.scope} AND id > :after_id AND {condition.sql}"
        " ORDER BY id LIMIT :limit"
        " ON CONFLICT (execution, resource_id) DO NOTHING",
        params,
    )
    row = await tx.fetch_one("iterations_last", {"number": execution.number})
    last: str | None = row["resource_id"] if row is not None else None
    return last if last is not None and last > after_id else None


async def matching(
    tx: Transaction, application_id: str, target: Target, query: Node, sample: int
) -> tuple[int, list[bytes]]:
    """Count the resources that match now, and read some of them by id."""
    source = SOURCES[target.resource_type]
    condition = compile_query(query, _COLUMNS[target.resource_type], tx.dialect)
    params = {
        **condition.params,
        "application_id": application_id,
        "table_id": target.data_table_id,
        "sample": sample,
    }
    # Names of tables and columns are constants of this module; values are parameters.
    chosen = f"FROM {source.table} WHERE {source.scope} AND {condition.sql}"
    counted = await tx.fetch_sql(f"SELECT count(*) AS count {chosen}", params)
    rows = await tx.fetch_sql(
        f"SELECT document {chosen} ORDER BY id LIMIT :sample",
        params,
    )
    return counted[0]["count"], [row["document"].encode() for row in rows]
