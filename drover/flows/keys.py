"""Keys of triggers: made where the client leaves them out, and what a trigger is found by."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows.triggers import DEVICE_CREATE_KEY, GENERATED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Triggers = Sequence[Mapping[str, Any]]

GROUP: Final = "$group"
"""The key of an indexed trigger's config that tells with which others it counts as one."""

FLOW_ERROR: Final = "flowError"
LOCAL: Final = "local"

_FAMILIES: Final = {
    f"device{by}{what}": what or "State"
    for by in ("Id", "Tag")
    for what in ("", "Connect", "Disconnect")
}
"""Types of triggers on devices, by id or by tag, and what they wait for."""


def with_keys(
    flow_id: str, triggers: Triggers, before: Triggers, random: Callable[[], str]
) -> list[dict[str, Any]]:
    """Return the triggers, each with a key where the server makes one.

    A trigger that was there ``before``, told by its ``meta.uiId`` or its position, keeps its key.
    A new key is the flow's id and the ``uiId``, or ``random`` text.
    """
    known = {_identity(index, trigger): trigger.get("key") for index, trigger in enumerate(before)}
    taken = {trigger["key"] for trigger in triggers if trigger.get("key")}
    keyed: list[dict[str, Any]] = []
    for index, trigger in enumerate(triggers):
        given = dict(trigger)
        if trigger["type"] == "deviceCreate":
            given.setdefault("key", DEVICE_CREATE_KEY)
        if trigger["type"] in GENERATED and not given.get("key"):
            key = known.get(_identity(index, trigger))
            wanted = f"{flow_id}-{_ui_id(trigger) or random()}"
            given["key"] = key or (wanted if wanted not in taken else f"{flow_id}-{random()}")
            taken.add(given["key"])
        keyed.append(given)
    return keyed


def found_by(flow_id: str, trigger: Mapping[str, Any]) -> str:
    """Return the key by which a trigger is found when something happens.

    It is the trigger's own, but for triggers on errors: those are found by their scope, and local
    ones by their flow as well.
    """
    if trigger["type"] == FLOW_ERROR:
        scope = (trigger.get("config") or {}).get("scope") or LOCAL
        return error_scope(scope, flow_id)
    return str(trigger.get("key") or "")


def group_of(flow_id: str, version_id: str, trigger: Mapping[str, Any]) -> str | None:
    """Return what a trigger on devices counts as one with; None for other types.

    Editors keep one trigger on many devices as one entry for each id and tag, all with the same
    ``uiId``; without it those count as one that lead to the same nodes. What they want of a report
    must be the same: else one might stand for another that wants it. Source: Losant-compatible
    nodes, section 8.
    """
    family = _FAMILIES.get(trigger["type"])
    if family is None:
        return None
    alike = [trigger.get("config") or {}, _ui_id(trigger) or trigger.get("outputIds")]
    own = msgspec.json.encode([flow_id, version_id, family, *alike], order="deterministic")
    return hashlib.blake2b(own, digest_size=12).hexdigest()


def error_scope(scope: str, flow_id: str) -> str:
    """Return the key by which triggers on errors of a scope are found."""
    return f"{LOCAL}/{flow_id}" if scope == LOCAL else scope


def is_button(trigger: Mapping[str, Any], name: str) -> bool:
    """Tell whether a name means this button: its key, the key's suffix, or its ``uiId``."""
    key = str(trigger.get("key") or "")
    return trigger["type"] == "virtualButton" and name in (
        key,
        key.partition("-")[2] or key,
        _ui_id(trigger),
    )


def _identity(index: int, trigger: Mapping[str, Any]) -> tuple[str, Any]:
    return str(trigger["type"]), _ui_id(trigger) or index


def _ui_id(trigger: Mapping[str, Any]) -> str | None:
    meta = trigger.get("meta") or {}
    return meta.get("uiId") or None
