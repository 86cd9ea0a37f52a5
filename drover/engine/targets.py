"""What a resource job runs over, checked and parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid, Missing
from drover.model.run import Target
from drover.query.kinds import FIELD_SETS, data_table_rows
from drover.query.losant import parse_json

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.ports.store import Session
    from drover.query.fields import FieldSet
    from drover.query.tree import Node

ROWS: Final = "dataTableRow"

_TARGET: Final = msgspec.json.Decoder(Target)


def target_of(execution: Execution) -> Target:
    """Return the target of a resource job's execution."""
    return _TARGET.decode(execution.detail)


async def query_of(session: Session, application_id: str, target: Target) -> Node:
    """Parse a rendered query; raises Invalid when it, or its data table, is not usable."""
    return parse_json(target.query, await _fields(session, application_id, target))


async def _fields(session: Session, application_id: str, target: Target) -> FieldSet:
    if target.resource_type != ROWS:
        return FIELD_SETS[target.resource_type]
    if target.data_table_id is None:
        raise Invalid("A job over rows needs dataTableId", field="dataTableId")
    return data_table_rows(await _columns(session, application_id, target.data_table_id))


async def _columns(session: Session, application_id: str, table_id: str) -> dict[str, str]:
    from drover.kinds.data_table import KIND

    try:
        document = await session.resources.get_bytes(KIND, application_id, table_id)
    except Missing as error:
        raise Invalid(f"Data table {table_id} was not found", field="dataTableId") from error
    columns: list[dict[str, Any]] = msgspec.json.decode(document).get("columns") or []
    return {column["name"]: column["dataType"] for column in columns}
