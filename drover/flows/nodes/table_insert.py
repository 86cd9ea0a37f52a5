"""Table: Insert Row."""

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
    data = row_data(settings)

    def request(visit: Visit) -> dict[str, Any]:
        return {"tableId": table(visit.payload), **data(visit.payload)}

    return Ask("row.insert", request, softly(settings.writer("resultPath", fresh=True), dated_rows))


NODE = Node(
    type="DataTableInsertRowNode", name="insert-table-row", category="data", compile=_compile
)
