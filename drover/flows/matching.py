"""Whether a trigger's config wants what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.query.glob import glob_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_STATES: Final = ("new", "acknowledged", "resolved")
_ROW_ACTIONS: Final = ("insert", "bulkInsert", "update", "delete")


def matches(trigger_type: str, config: bytes, data: bytes) -> bool:
    """Tell whether a trigger's config (JSON) wants a firing's data (JSON)."""
    wants = _WANTS.get(trigger_type)
    return wants is None or wants(msgspec.json.decode(config), msgspec.json.decode(data))


def _event(config: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Look at the event as it is after the change."""
    subject = config.get("subject")
    if subject and not glob_matches(subject, event.get("subject") or ""):
        return False
    return _is_wanted(config, _STATES, event.get("state"))


def _rows(config: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    return _is_wanted(config, _ROW_ACTIONS, change.get("action"))


def _is_wanted(config: Mapping[str, Any], choices: tuple[str, ...], value: Any) -> bool:
    """Tell whether a value was chosen; a config that says nothing of any wants all."""
    if not any(choice in config for choice in choices):
        return True
    return config.get(str(value)) is True


_WANTS: Final[dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], bool]]] = {
    "event": _event,
    "dataTable": _rows,
}
