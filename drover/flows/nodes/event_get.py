"""Event: Get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.event_fields import chosen, dated_event
from drover.flows.node import Node
from drover.flows.paging import page_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action | None:
    choose, many = chosen(settings, "eventIdTemplate", "findMultiple")
    page = page_of(settings)
    metadata = settings.flag("findMetadata")
    write = settings.writer("resultPath", required=True, fresh=True)
    if write is None:
        return None

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {**choose(payload), **page(payload)} if many else choose(payload)

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        found = answer["result"]
        items = [dated_event(event) for event in found["items"]]
        if many and metadata:
            write(visit, {**found, "count": len(items), "items": items, "findMethod": "query"})
        else:
            write(visit, items if many else next(iter(items), None))
        return 0

    return Ask("event.find", request, settle)


NODE = Node(
    type="EventGetNode",
    aliases=("GetEventNode",),
    name="get-event",
    category="data",
    compile=_compile,
)
