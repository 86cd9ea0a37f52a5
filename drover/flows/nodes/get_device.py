"""Device: Get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.device_fields import shaped
from drover.flows.node import Node
from drover.flows.paging import page_of, pairs, sorting
from drover.flows.payload import dated, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Find = Callable[[Any], dict[str, Any]]

SORT_FIELDS: Final = ("name", "id", "creationDate", "lastUpdated")

_BY_TAGS: Final = ("findByAllTags", "findByAnyTags")
_METHODS: Final = (
    "id",
    "name",
    *_BY_TAGS,
    "findByParentId",
    "experienceGroupId",
    "experienceUserIdOrEmail",
    "query",
)


def _compile(settings: Settings) -> Action | None:
    method = settings.literal("findMethod", default="id", choices=_METHODS)
    find = _find(settings, method)
    page = page_of(settings)
    many = settings.flag("findMultiple") and method != "id"
    fixed = {
        "method": method,
        "many": many,
        "connection": settings.flag("includeConnectionStatus", default=True),
        "state": _state(settings),
        **sorting(settings, SORT_FIELDS, default="name", direction="asc"),
    }
    write = settings.writer("resultPath", required=True, fresh=True)
    shape = _shape(settings)
    if write is None:
        return None

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {**fixed, **find(payload), **page(payload)} if many else {**fixed, **find(payload)}

    metadata = many and settings.flag("findMetadata")

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        found = answer["result"]
        items = [shape(device) for device in found["items"]]
        if metadata:
            write(visit, {**found, "count": len(items), "items": items})
        else:
            write(visit, items if many else next(iter(items), None))
        return 0

    return Ask("device.find", request, settle)


def _find(settings: Settings, method: str) -> Find:
    if method in _BY_TAGS:
        wanted = pairs(settings, "tags")
        return lambda payload: {"tags": [{"key": k, "value": v} for k, v in wanted(payload)]}
    if method == "query":
        query = settings.json("queryTemplate", required=True)
        return lambda payload: {"query": query(payload)}
    value = settings.template("parentIdTemplate" if method == "findByParentId" else "idTemplate")
    return lambda payload: {"value": value(payload)}


def _state(settings: Settings) -> Any:
    """Return which attributes' states are asked for: none (False), all (True) or the named."""
    names = settings.config.get("attributes")
    if names is not None and not isinstance(names, list):
        settings.flaw("attributes", "Attributes must be a list of names")
        names = None
    return settings.flag("includeState") and (names or True)


def _shape(settings: Settings) -> Callable[[dict[str, Any]], dict[str, Any]]:
    shape_lists = shaped(settings)

    def shape(device: dict[str, Any]) -> dict[str, Any]:
        connection = device.get("connectionInfo")
        if connection:
            connection["time"] = moment(connection.get("time"))
        for state in (device.get("compositeState") or {}).values():
            state["time"] = moment(state.get("time"))
        return shape_lists(dated(device))

    return shape


NODE = Node(type="GetDeviceNode", name="get-device", category="data", compile=_compile)
