"""What nodes that ask for reported values have in common: which devices, attributes, moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED
from drover.flows.settings import error_writer, templates_of
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Find = Callable[[Any], dict[str, Any]]

MOST_LISTED: Final = 1000
MOST_ATTRIBUTES: Final = 256

AGGREGATIONS: Final = (
    "FIRST",
    "LAST",
    "COUNT",
    "MAX",
    "MIN",
    "MEDIAN",
    "MEAN",
    "SUM",
    "STD_DEV",
    "TIMEATVALUE",
)
_TAGS: Final = ("tagsIds", "tags")
_VALUES: Final = {
    "expUser": ("experienceUserIdOrEmail", "expUserTemplate"),
    "expGroupId": ("experienceGroupId", "expGroupIdTemplate"),
    "parentId": ("findByParentId", "parentIdTemplate"),
}
_METHODS: Final = (*_TAGS, "payloadPath", "query", *_VALUES)


def devices(settings: Settings) -> Find:
    """Return what renders which devices are asked."""
    method = settings.literal("findMethod", choices=_METHODS)
    if not settings.holds("findMethod"):
        settings.flaw("findMethod", "Find method is required", missing=True)
    if method == "query":
        query = settings.json("queryTemplate", required=True)
        return lambda payload: {"method": "query", "query": query(payload)}
    if method == "payloadPath":
        return _listed_at(settings)
    if method in _VALUES:
        way, key = _VALUES[method]
        value = settings.template(key, required=True)
        return lambda payload: {"method": way, "value": value(payload)}
    return _listed(settings)


def attributes(settings: Settings) -> list[str]:
    """Return the names of the attributes; one may be given as a text."""
    given = settings.config.get("attribute")
    names = [given] if isinstance(given, str) else given
    if not names:
        settings.flaw("attribute", "Attribute is required", missing=True)
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        settings.flaw("attribute", "Attribute must be a list of names")
        return []
    return names[:MOST_ATTRIBUTES]


def aggregation(settings: Settings, *more: str) -> str:
    """Return what becomes of the values of a bucket."""
    if not settings.holds("aggregation"):
        settings.flaw("aggregation", "Aggregation is required", missing=True)
    return settings.literal("aggregation", default="LAST", choices=(*AGGREGATIONS, *more))


def held_value(settings: Settings) -> Callable[[Any], str]:
    """Return what renders the value whose time is summed up."""
    for entry in settings.items("aggregationOptions", most=10):
        key = entry.config.get("key") or entry.config.get("keyTemplate")
        if key == "value":
            return entry.template("valueTemplate")
    return lambda _payload: ""


def moment_ms(settings: Settings, key: str, *, required: bool = False) -> float | None:
    """Return a length or a moment in ms; None where it is null."""
    if required and key not in settings.config:
        settings.flaw(key, f"{key.capitalize()} is required", missing=True)
    return settings.number(key)


def settling(
    settings: Settings, shape: Callable[[Any], Any]
) -> Callable[[Visit, Mapping[str, Any]], int]:
    """Return what writes the answer; an error is thrown, or written where that is configured."""
    write = settings.writer("resultPath", required=True, fresh=True)
    write_error = error_writer(settings)

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        error = answer.get("error")
        if error and write_error is None:
            raise Thrown(error["type"], error["message"])
        if error and write_error is not None:
            write_error(visit, {"name": error["type"], "message": error["message"]})
        elif write is not None:
            write(visit, shape(answer["result"]))
        return 0

    return settle


def _listed(settings: Settings) -> Find:
    ids = templates_of(settings, "deviceIds", most=MOST_LISTED)
    tags = [
        (entry.template("key"), entry.template("value"))
        for entry in settings.items("deviceTags", most=MOST_LISTED)
    ]

    def listed(payload: Any) -> dict[str, Any]:
        sides = [{"key": key(payload), "value": value(payload)} for key, value in tags]
        wanted = [{side: text for side, text in each.items() if text} for each in sides]
        named = [text for each in ids if (text := each(payload))]
        # A tag without key and value would mean every device that has any.
        return {"method": "listed", "ids": named, "tags": [each for each in wanted if each]}

    return listed


def _listed_at(settings: Settings) -> Find:
    path = settings.path("deviceIdsPath", required=True)

    def listed(payload: Any) -> dict[str, Any]:
        found = UNDEFINED if path is None else path.get(payload)
        entries = found if isinstance(found, list) else [found]
        ids = [each for each in entries if isinstance(each, str)]
        return {"method": "listed", "ids": ids[:MOST_LISTED], "tags": []}

    return listed
