"""Experience Group: Get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.experience_fields import finding
from drover.flows.node import Node
from drover.flows.paging import pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Action
    from drover.flows.settings import Settings

_BY_TAGS: Final = ("findByAllTags", "findByAnyTags")
_METHODS: Final = ("id", "name", *_BY_TAGS, "query")
_SORTS: Final = ("name", "id", "creationDate", "lastUpdated")


def _compile(settings: Settings) -> Action | None:
    method = settings.literal("findMethod", default=_METHODS[0], choices=_METHODS)
    find = _find(settings, method)
    return finding(settings, "group.find", lambda p: {"method": method, **find(p)}, fields=_SORTS)


def _find(settings: Settings, method: str) -> Callable[[Any], dict[str, Any]]:
    if method in _BY_TAGS:
        wanted = pairs(settings, "tags")
        return lambda payload: {"tags": [{"key": k, "value": v} for k, v in wanted(payload)]}
    if method == "query":
        query = settings.json("queryTemplate", required=True)
        return lambda payload: {"query": query(payload)}
    value = settings.template("nameTemplate" if _is_named(settings, method) else "idTemplate")
    return lambda payload: {"value": value(payload)}


def _is_named(settings: Settings, method: str) -> bool:
    """Tell whether a name stands under a key of its own: some editors put it where an id stands."""
    return method == "name" and settings.holds("nameTemplate")


NODE = Node(
    type="GetExperienceGroupNode",
    name="get-experience-group",
    category="experience",
    compile=_compile,
)
