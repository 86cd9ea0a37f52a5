"""Events from the fields of a node's config, and which events a node means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED
from drover.flows.paging import sorting
from drover.flows.payload import dated, jsonable
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings

    Render = Callable[[Any], Any]

METHODS: Final = ("individualFields", "jsonTemplate", "payloadPath")
SORT_FIELDS: Final = ("creationDate", "id", "lastUpdated", "level", "state", "subject")

_MANY: Final = "queryTemplateMultiple"


def chosen(settings: Settings, id_key: str, many_key: str) -> tuple[Render, bool]:
    """Compile which events are meant: by id, or by query the first or all of them.

    ``meta.mode`` decides, and without it the keys present.
    """
    mode = settings.facts.meta.get("mode")
    by_query = str(mode).startswith("query") if mode else not settings.holds(id_key)
    if not by_query:
        event_id = settings.template(id_key, required=True, label="Event id")
        return (lambda payload: {"id": event_id(payload)}), False
    many = mode == _MANY or (not mode and settings.flag(many_key))
    query = settings.json("queryTemplate", required=True)
    order = sorting(settings, SORT_FIELDS, default="creationDate", direction="desc")
    return (lambda payload: {"query": query(payload), "many": many, **order}), many


def attached_data(settings: Settings) -> Render:
    """Compile the data attached to an event; undefined when none is configured."""
    kind = settings.literal("dataSourceType", choices=("jsonTemplate", "payloadPath"))
    if kind == "payloadPath" or (not kind and settings.holds("dataSourcePath")):
        path = settings.path("dataSourcePath")
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    return settings.json("dataSourceJson")


def whole_event(settings: Settings, method: str) -> Callable[[Any], dict[str, Any]]:
    """Compile an event that is given whole."""
    if method == "jsonTemplate":
        render = settings.json("eventJsonTemplate", required=True, label="Event")
    else:
        path = settings.path("eventPayloadPath", required=True, label="Event")
        render = path.get if path is not None else _nothing

    def body(payload: Any) -> dict[str, Any]:
        value = render(payload)
        if value.__class__ is not dict:
            raise Thrown("Validation", "The event must be an object")
        return jsonable(value)  # type: ignore[no-any-return]  # of an object it returns one

    return body


def dated_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its dates, and those of its updates, as dates."""
    for update in event.get("updates") or ():
        dated(update)
    return dated(event)


def without_blanks(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: neither empty nor undefined."""
    return {key: value for key, value in body.items() if value is not UNDEFINED and value != ""}


def _nothing(_payload: Any) -> Any:
    return UNDEFINED
