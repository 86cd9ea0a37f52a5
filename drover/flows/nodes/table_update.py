"""Table: Update Row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.node import Node
from drover.flows.row_fields import dated_rows, row_data

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    table = settings.template("dataTableIdTemplate", required=True, label="Data table")
    by_query = settings.literal("rowSelectType", default="id", choices=("id", "query")) == "query"
    row_id = settings.template("rowIdTemplate", required=not by_query, label="Row id")
    query = settings.json("queryTemplate", required=by_query)
    upsert = settings.flag("upsertCheck")
    data = row_data(settings)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        if by_query:
            chosen = {"query": query(payload), "upsert": upsert}
        else:
            chosen = {"rowId": row_id(payload)}
        return {"tableId": table(payload), **chosen, **data(payload)}

    return Ask("row.update", request, softly(settings.writer("resultPath", fresh=True), dated_rows))


NODE = Node(
    type="DataTableUpdateRowNode", name="update-table-row", category="data", compile=_compile
)
