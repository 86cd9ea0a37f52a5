"""Whether a trigger's config wants what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.keys import GROUP
from drover.query.glob import glob_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.ports.jobs import Firing

BATCH: Final = "$batch"
"""The root key of a firing for one of several reports that came together.

It is ``each`` for one of them by itself, ``once`` for all in one run; absent for a single report.
"""

AGE_MS: Final = "$ageMs"
"""The root key of a firing for state: how old the report was when it came."""

ORIGINAL: Final = "original"
"""The root key of a firing for state that could not be read: what was said."""

SECONDS: Final = "$seconds"
"""The root key of a firing for inactivity: after how long a silence."""

SEEN: Final = "$seen"
"""The root key of a firing on a device: groups of triggers that another firing is for already."""

PLACE: Final = "$place"
"""The root key of a firing for a file: ``public`` or ``private``."""

SILENCE_S: Final = 7200
"""How long a silence a trigger waits for that does not say."""

_MARK: Final = f'"{GROUP}"'.encode()
_STATES: Final = ("new", "acknowledged", "resolved")
_FILE_ACTIONS: Final = ("create", "update", "delete")
_PLACES: Final = ("public", "private")
_ROW_ACTIONS: Final = ("insert", "bulkInsert", "update", "delete")


def matches(config: bytes, firing: Firing) -> bool:
    """Tell whether a trigger's config (JSON) wants a firing."""
    wants = _WANTS.get(firing.trigger_type)
    if wants is None and _MARK not in config:
        return True
    given = msgspec.json.decode(config)
    return not _is_seen(given, firing) and (wants is None or wants(given, firing))


def _is_seen(config: Mapping[str, Any], firing: Firing) -> bool:
    """Tell whether a firing of another trigger that counts as this one brings the same."""
    return GROUP in config and config[GROUP] in msgspec.json.decode(firing.root).get(SEEN, ())


def _event(config: Mapping[str, Any], firing: Firing) -> bool:
    """Look at the event as it is after the change."""
    event = msgspec.json.decode(firing.data)
    subject = config.get("subject")
    if subject and not glob_matches(subject, event.get("subject") or ""):
        return False
    return _is_wanted(config, _STATES, event.get("state"))


def _rows(config: Mapping[str, Any], firing: Firing) -> bool:
    change = msgspec.json.decode(firing.data)
    return _is_wanted(config, _ROW_ACTIONS, change.get("action"))


def _file(config: Mapping[str, Any], firing: Firing) -> bool:
    change, root = msgspec.json.decode(firing.data), msgspec.json.decode(firing.root)
    wanted = _is_wanted(config, _FILE_ACTIONS, change.get("action"))
    return wanted and _is_wanted(config, _PLACES, root.get(PLACE))


def _state(config: Mapping[str, Any], firing: Firing) -> bool:
    """Look at how a report came, how old it is and which attributes it brings."""
    root = msgspec.json.decode(firing.root)
    came = root.get(BATCH)
    wanted = config.get("triggerOn") or "both"
    if ORIGINAL in root:
        return wanted != "batch" and config.get("allowInvalid") is True
    if wanted != "both" and (wanted == "batch") != (came is not None):
        return False
    if came is not None and came != (config.get("batchBehavior") or "each"):
        return False
    return came == "once" or (_is_young(config, root) and _has_attributes(config, firing))


def _is_young(config: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    most_s = config.get("maxAge")
    return not most_s or bool(root.get(AGE_MS, 0) <= most_s * 1000)


def _has_attributes(config: Mapping[str, Any], firing: Firing) -> bool:
    """Tell whether a report has one attribute that is listed, and one that is not barred."""
    listed, barred = config.get("attributeWhitelist"), config.get("attributeBlacklist")
    if not listed and not barred:
        return True
    names = set(msgspec.json.decode(firing.data))
    return (not listed or not names.isdisjoint(listed)) and not names <= set(barred or ())


def _is_wanted(config: Mapping[str, Any], choices: tuple[str, ...], value: Any) -> bool:
    """Tell whether a value was chosen; a config that says nothing of any wants all."""
    if not any(choice in config for choice in choices):
        return True
    return config.get(str(value)) is True


def _endpoint(config: Mapping[str, Any], firing: Firing) -> bool:
    """Look at the version of the experience that was called; without one any is wanted."""
    wanted = config.get("experienceVersion")
    if not wanted:
        return True
    experience = msgspec.json.decode(firing.root).get("experience") or {}
    return bool(experience.get("version") == wanted)


def _silence(config: Mapping[str, Any], firing: Firing) -> bool:
    """Look at the length of the silence."""
    lasted = msgspec.json.decode(firing.root).get(SECONDS)
    return bool(lasted == (config.get("seconds") or SILENCE_S))


_WANTS: Final[dict[str, Callable[[Mapping[str, Any], Firing], bool]]] = {
    "appFile": _file,
    "event": _event,
    "dataTable": _rows,
    "deviceId": _state,
    "deviceTag": _state,
    "deviceIdInactivity": _silence,
    "deviceTagInactivity": _silence,
    "endpoint": _endpoint,
}
