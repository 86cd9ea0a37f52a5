"""Payloads as documents, and the payload each kind of trigger starts a run with."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.language import UNDEFINED
from drover.flows.language.json_text import well_formed_value
from drover.model.errors import Invalid
from drover.model.instants import to_ms, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATE: Final = "$date"
_MARK: Final = b'"$date"'
_OWN_LENGTH: Final = len("2026-01-02T03:04:05.678Z")
_DATED: Final = ("creationDate", "lastUpdated", "createdAt", "updatedAt")


def encode(payload: Any) -> bytes:
    """Return a payload as JSON, dates as ``{"$date": text}``; missing values are left out.

    Halves of surrogate pairs become U+FFFD. Raises RecursionError for a payload that is nested too
    deeply.
    """
    shown = plain(payload)
    try:
        return msgspec.json.encode(shown)
    except UnicodeEncodeError:
        return msgspec.json.encode(well_formed_value(shown))


def decode(document: bytes) -> Any:
    """Return the payload that ``encode`` made a document of."""
    value = msgspec.json.decode(document)
    return revived(value) if _MARK in document else value


def plain(value: Any) -> Any:
    """Return a value as JSON values only, dates as ``{"$date": text}``, NaN as null.

    An object that looks like a date and is none is told apart: ``{"$date": [what it has]}``.
    """
    if isinstance(value, dict):
        if len(value) == 1 and _DATE in value:
            return {_DATE: [plain(value[_DATE])]}
        return {str(key): plain(item) for key, item in value.items() if item is not UNDEFINED}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return {_DATE: date_text(value)}
    if value is UNDEFINED or (isinstance(value, float) and value - value != 0):
        return None
    return value


def jsonable(value: Any) -> Any:
    """Return a value as JSON values only, dates as texts, missing and unprintable ones as null."""
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items() if item is not UNDEFINED}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    if isinstance(value, datetime):
        return date_text(value)
    if value is UNDEFINED or (isinstance(value, float) and value - value != 0):
        return None
    return value


def literal(value: Any) -> Any:
    """Return JSON of somebody else's making as documents hold it: none of it stands for a date.

    What is nested too deep for that is returned as its text.
    """
    text = msgspec.json.encode(value)
    if _MARK not in text:
        return value
    try:
        return plain(value)
    except RecursionError:
        return text.decode()


def revived(value: Any) -> Any:
    """Return a copy of a value with each ``{"$date": text}`` as a date, however deep it is."""
    holder = [value]
    pending: list[Any] = [holder]
    while pending:
        inside = pending.pop()
        for key, item in _collections(inside):
            inside[key] = opened = _opened(item)
            if opened.__class__ is not datetime:
                pending.append(opened)
    return holder[0]


def _collections(inside: Any) -> list[tuple[Any, Any]]:
    entries = inside.items() if inside.__class__ is dict else enumerate(inside)
    return [(key, item) for key, item in entries if item.__class__ in (dict, list)]


def _opened(item: Any) -> Any:
    """Return a copy of a collection, or the date that it stands for."""
    if item.__class__ is list or len(item) != 1 or _DATE not in item:
        return item.copy()
    marked = item[_DATE]
    if isinstance(marked, list) and len(marked) == 1:  # see ``plain``
        return {_DATE: marked[0]}
    try:
        return date_of(marked) if isinstance(marked, str) else item.copy()
    except (Invalid, OverflowError):  # not of our making
        return item.copy()


def date_text(moment: datetime) -> str:
    """Return the text of a date on the wire."""
    return to_text(date_ms(moment))


def date_ms(moment: datetime) -> int:
    """Return milliseconds since the epoch of a date; a date without zone is UTC."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // _MILLISECOND


def date_of(text: str) -> datetime:
    """Return the date of its text; raises Invalid."""
    if len(text) == _OWN_LENGTH and text.endswith("Z"):  # as we write dates: nothing to round
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # told in the usual words below
    return from_ms(to_ms(text))


@lru_cache(maxsize=4096)
def from_ms(ms: int) -> datetime:
    """Return the date of milliseconds since the epoch; the runs of a batch often share it."""
    return datetime(1970, 1, 1, tzinfo=UTC) + ms * _MILLISECOND


def moment(value: Any) -> Any:
    """Return the date of milliseconds since the epoch or of a date's text; others stay."""
    if isinstance(value, int):
        return from_ms(value)
    return date_of(value) if isinstance(value, str) else value


def dated(resource: dict[str, Any], *more: str) -> dict[str, Any]:
    """Return a resource with the texts of its creation and change as dates.

    Further keys named in ``more`` are treated alike. The resource given is changed.
    """
    for key in (*_DATED, *more) if more else _DATED:
        if (text := resource.get(key)).__class__ is str:
            resource[key] = date_of(text)
    return resource


def device_object(device: Mapping[str, Any]) -> dict[str, Any]:
    """Return a device as payloads show it: tags and attributes as objects, dates as dates."""
    return shown_device(dict(device))


def shown_device(device: dict[str, Any]) -> dict[str, Any]:
    """Return a device of one's own as payloads show it; the device given is changed."""
    if "id" in device:
        device["deviceId"] = device["id"]
    device["tags"] = tags_object(device.get("tags") or ())
    device["attributes"] = attributes_object(device.get("attributes") or ())
    return dated(device)


def tags_object(tags: Any) -> dict[str, list[str]]:
    """Return a list of tags as ``{key: [values]}``."""
    grouped: dict[str, list[str]] = {}
    for tag in tags:
        grouped.setdefault(tag["key"], []).append(tag["value"])
    return grouped


def attributes_object(attributes: Any) -> dict[str, dict[str, Any]]:
    """Return a list of attributes as ``{name: {dataType, ...}}``."""
    shown: dict[str, dict[str, Any]] = {}
    for attribute in attributes:
        rest = dict(attribute)
        shown[rest.pop("name")] = rest
    return shown


def start_payload(
    trigger_type: str,
    trigger_id: str,
    data: Any,
    *,
    now_ms: int,
    relay: tuple[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the payload a firing starts its runs with.

    ``relay`` is the id and type of who caused it; ``more`` holds root keys of the trigger's own
    (``deviceName``, ``meta``, ``flowVersion`` ...). The keys that name the application and the
    workflow, and the globals, are added when a workflow runs it. Source: Losant-compatible nodes,
    section 2.1.
    """
    payload: dict[str, Any] = {
        "time": from_ms(now_ms),
        "data": data,
        "triggerId": trigger_id,
        "triggerType": trigger_type,
    }
    if relay is not None:
        payload["relayId"], payload["relayType"] = relay
    if more:
        payload.update(more)
    return payload


def iteration_data(
    resource_type: str,
    resource: Mapping[str, Any],
    execution: Mapping[str, Any],
    *,
    iteration_id: str,
    accumulator: Any = UNDEFINED,
    attempt: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the ``data`` of a job's iteration.

    ``accumulator`` is given for serial executions only; ``attempt`` where retries are enabled:
    ``attemptNumber``, ``willRetryOnFailure``, ``willRetryOnTimeout``, and for timeouts
    ``iterationStartedAt``. Source: Losant-compatible behaviour, section 3.6.
    """
    shown = device_object(resource) if resource_type == "device" else dated(dict(resource))
    if "id" in shown and resource_type in _ALIASED:
        shown[f"{resource_type}Id"] = shown["id"]
    data: dict[str, Any] = {
        resource_type: shown,
        "execution": dict(execution),
        "iterationId": iteration_id,
    }
    if accumulator is not UNDEFINED:
        data["accumulator"] = accumulator
    if attempt:
        data.update(attempt)
    return data


_ALIASED: Final = frozenset({"experienceUser", "experienceGroup"})
"""Resource types that carry their id under a name of their own too, beside devices."""

_MILLISECOND: Final = datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC) - datetime(
    1970, 1, 1, tzinfo=UTC
)
