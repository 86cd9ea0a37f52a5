"""Table: Delete Row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.paging import whole_number
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    table = settings.template("dataTableIdTemplate", required=True, label="Data table")
    by_id = settings.holds("rowIdTemplate")
    row_id = settings.template("rowIdTemplate", required=by_id, label="Row id")
    query = settings.json("queryTemplate")
    limit = whole_number(settings, "limitTemplate", default=1000, least=1)
    if not by_id and not settings.holds("queryTemplate"):
        settings.flaw("queryTemplate", "Query is required", missing=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        if by_id:
            return {"tableId": table(payload), "rowId": row_id(payload)}
        rendered = query(payload)
        if rendered is UNDEFINED:
            raise Thrown("Validation", "Query is required")
        return {"tableId": table(payload), "query": rendered, "limit": limit(payload)}

    return Ask("row.delete", request, softly(settings.writer("resultPath", fresh=True)))


NODE = Node(
    type="DataTableDeleteRowNode", name="delete-table-row", category="data", compile=_compile
)
