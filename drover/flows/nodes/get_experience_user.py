"""Experience User: Get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.experience_fields import finding
from drover.flows.node import Node
from drover.flows.paging import pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Action
    from drover.flows.settings import Settings

_METHODS: Final = ("emailOrId", "userTags", "query")
_SORTS: Final = (
    "email",
    "firstName",
    "lastName",
    "id",
    "creationDate",
    "lastUpdated",
    "lastLogin",
)


def _compile(settings: Settings) -> Action | None:
    method = settings.literal("findMethod", default=_METHODS[0], choices=_METHODS)
    find = _find(settings, method)
    return finding(settings, "user.find", lambda p: {"method": method, **find(p)}, fields=_SORTS)


def _find(settings: Settings, method: str) -> Callable[[Any], dict[str, Any]]:
    if method == "userTags":
        wanted = pairs(settings, "tags")
        return lambda payload: {"tags": [{"key": k, "value": v} for k, v in wanted(payload)]}
    if method == "query":
        query = settings.json("queryTemplate", required=True)
        return lambda payload: {"query": query(payload)}
    value = settings.template("emailOrIdTemplate")
    return lambda payload: {"value": value(payload)}


NODE = Node(
    type="GetExperienceUserNode",
    name="get-experience-user",
    category="experience",
    compile=_compile,
)
