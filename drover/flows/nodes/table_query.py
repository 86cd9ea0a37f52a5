"""Table: Get Rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.paging import whole_number
from drover.flows.payload import dated

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_MOST_OFFSET = 1_000_000_000


def _compile(settings: Settings) -> Action:
    table = settings.template("dataTableIdTemplate", required=True, label="Data table")
    query = settings.json("queryTemplate")
    limit = whole_number(settings, "limitTemplate", default=1000, least=1)
    offset = whole_number(settings, "offsetTemplate", default=0, most=_MOST_OFFSET)
    column = settings.template("sortColumnTemplate")
    direction = settings.template("sortDirectionTemplate")
    fields = settings.json("includeFieldsTemplate")

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        asked, names = query(payload), fields(payload)
        return {
            "tableId": table(payload),
            "query": {} if asked is UNDEFINED else asked,
            "limit": limit(payload),
            "offset": offset(payload),
            "sortColumn": column(payload) or "id",
            "sortDirection": (direction(payload) or "asc").lower(),
            "fields": None if names is UNDEFINED else names,
        }

    return Ask("row.query", request, softly(settings.writer("resultPath", fresh=True), _shaped))


def _shaped(result: dict[str, Any]) -> dict[str, Any]:
    result["items"] = [dated(row) for row in result["items"]]
    return result


NODE = Node(type="DataTableQueryNode", name="get-table-rows", category="data", compile=_compile)
