"""What a visitor of a dashboard chose, held against what its author lets them choose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.language.regexes import found_in, search_steps
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_user import KIND as USER
from drover.model.errors import Invalid
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES
from drover.query.losant import parse_json
from drover.query.tree import ALL, Compare, In, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.model.dashboard import ContextVariable
    from drover.ports.store import Session

MOST_STEPS: Final = 10_000_000
"""Of matching a text against a pattern."""

Reach = frozenset[str]
"""The ids of the applications that a dashboard may look into."""


class WrongChoice(Invalid):
    """A value that is not among those to choose from; ``name`` is its variable."""

    def __init__(self, name: str, value: object, kind: str) -> None:
        super().__init__(f"{name} ({_told(value)}) is not a valid {kind}", field=name)
        self.name = name


async def chosen(
    session: Session,
    variables: tuple[ContextVariable, ...],
    given: Mapping[str, Any],
    reach: Reach,
) -> dict[str, Any]:
    """Return each value, the default where none is given; raises WrongChoice.

    A device becomes the whole of it where the author asks for that.
    """
    found = dict(given)
    for variable in variables:
        found[variable.name] = await _checked(session, variable, given, reach)
    return found


async def _checked(
    session: Session, variable: ContextVariable, given: Mapping[str, Any], reach: Reach
) -> Any:
    value = given.get(variable.name, variable.default_value)
    if variable.name not in given and value == "":
        return value  # nothing is chosen, by nobody
    if not _FORMS[variable.type](value):
        raise WrongChoice(variable.name, value, variable.type)
    config = variable.validation_config or {}
    is_checked = bool(variable.validation_enabled)
    if variable.type == "deviceId" and (is_checked or config.get("includeFullDevice")):
        return await _device(session, variable, value, reach)
    if not is_checked:
        return value
    if variable.type == "experienceUser":
        await _check_user(session, variable, value, reach)
    elif not _RULES[variable.type](value, config):
        raise WrongChoice(variable.name, value, variable.type)
    return value


async def _device(session: Session, variable: ContextVariable, value: str, reach: Reach) -> Any:
    """Return a device's id, or the device."""
    config = variable.validation_config or {}
    wanted = all_of([Compare("id", Operator.EQUAL, value.lower()), _allowed(variable, config)])
    found = await _found(session, DEVICE, variable, wanted, reach)
    if found is None:
        raise WrongChoice(variable.name, value, variable.type)
    if not config.get("includeFullDevice"):
        return value
    return _full(found)


def _allowed(variable: ContextVariable, config: Mapping[str, Any]) -> Node:
    """Return the tree of the devices to choose from: all, where the author names none."""
    if not variable.validation_enabled:
        return ALL
    parts: list[Node] = []
    tags = [tag for tag in config.get("deviceTags") or () if tag]
    if config.get("deviceIds") or tags:
        parts.append(devices_listed(config.get("deviceIds") or (), tags))
    if config.get("query"):
        parts.append(parse_json(config["query"], DEVICES))
    return any_of(parts) if parts else ALL


async def _check_user(
    session: Session, variable: ContextVariable, value: str, reach: Reach
) -> None:
    field = "id" if is_id(value) else "email"
    parts: list[Node] = [Compare(field, Operator.EQUAL, value.lower())]
    groups = (variable.validation_config or {}).get("experienceGroupIds")
    if groups:
        parts.append(In("experienceGroupId", tuple(groups)))
    if await _found(session, USER, variable, all_of(parts), reach) is None:
        raise WrongChoice(variable.name, value, variable.type)


async def _found(
    session: Session, kind: Any, variable: ContextVariable, wanted: Node, reach: Reach
) -> Any:
    """Return the first that is wanted, of the applications within reach."""
    named = variable.application_id
    applications = reach if not named else reach & {named.lower()}
    for application_id in sorted(applications):
        listing = Listing(sort_field="id", limit=1, query=wanted)
        page = await session.resources.page_bytes(kind, application_id, listing)
        if page.items:
            return msgspec.json.decode(page.items[0])
    return None


def _full(device: Mapping[str, Any]) -> dict[str, Any]:
    tags: dict[str, list[str]] = {}
    for tag in device.get("tags") or ():
        tags.setdefault(tag["key"], []).append(tag["value"])
    attributes = {
        each["name"]: {
            "dataType": each["dataType"],
            **({"tags": each["attributeTags"]} if each.get("attributeTags") else {}),
        }
        for each in device.get("attributes") or ()
    }
    return {"id": device["id"], "name": device["name"], "tags": tags, "attributes": attributes}


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _is_tag(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= {"key", "value"}


def _is_device_id(value: Any) -> bool:
    return isinstance(value, str) and is_id(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _within(value: Any, config: Mapping[str, Any]) -> bool:
    number = float(value)
    least, most = config.get("min"), config.get("max")
    return (least is None or number >= least) and (most is None or number <= most)


def _matches(value: str, config: Mapping[str, Any]) -> bool:
    pattern = config.get("regExp")
    if not pattern:
        return True
    return search_steps(pattern, value) <= MOST_STEPS and found_in(pattern, value)


def _is_listed(value: str, config: Mapping[str, Any]) -> bool:
    return not config.get("attributes") or value in config["attributes"]


def _is_tag_listed(value: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    allowed = config.get("deviceTags")
    return not allowed or any(tag.items() <= value.items() for tag in allowed)


def _told(value: object) -> str:
    return str(value)[:64]


_FORMS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "deviceAttribute": _is_text,
    "deviceId": _is_device_id,
    "deviceTag": _is_tag,
    "number": _is_number,
    "string": _is_text,
    "experienceUser": _is_text,
}
_RULES: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], bool]]] = {
    "deviceAttribute": _is_listed,
    "deviceTag": _is_tag_listed,
    "number": _within,
    "string": _matches,
}
