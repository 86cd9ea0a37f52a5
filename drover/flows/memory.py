"""What nodes remember between runs: how each kind of memory moves on, as pure rules.

A rule gets what was remembered (None for nothing), what the node asks, and the time in ms. It
returns what is to be remembered from now on, None for nothing, and what the node is told.
Source: Losant-compatible nodes, section 6.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drover.flows.language import UNDEFINED, to_number
from drover.flows.payload import revived

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Remembered = dict[str, Any]

INCREASE: Final = "Inc"
DECREASE: Final = "Dec"
PERCENT: Final = "percent"


class Moved(NamedTuple):
    """What is remembered from now on, and what the node is told."""

    kept: Remembered | None
    told: dict[str, Any]


def throttled(old: Remembered | None, ask: Mapping[str, Any], now_ms: int) -> Moved:
    """Let a run pass when ``spacingMs`` have gone by since the last that did."""
    since_ms = None if old is None else now_ms - old["at"]
    passes = since_ms is None or since_ms >= ask["spacingMs"]
    return Moved({"at": now_ms} if passes else old, {"passes": passes, "sinceMs": since_ms})


def latched(old: Remembered | None, ask: Mapping[str, Any], _now_ms: int) -> Moved:
    """Latch once; unlatch only while latched."""
    was = old is not None
    latches = not was and ask["latch"]
    stays = was and not ask["reset"]
    kept = {"latched": True} if latches or stays else None
    return Moved(kept, {"was": was, "is": kept is not None, "latches": latches})


def spent(old: Remembered | None, ask: Mapping[str, Any], now_ms: int) -> Moved:
    """Spend one of an allowance of ``burst`` that grows by one every ``everyMs``."""
    most = ask["burst"]
    if old is not None:
        most = min(most, old["left"] + max(0, now_ms - old["at"]) / ask["everyMs"])
    passes = most >= 1
    return Moved({"at": now_ms, "left": most - passes}, {"passes": passes})


def changed(old: Remembered | None, ask: Mapping[str, Any], now_ms: int) -> Moved:
    """Compare a value with the one remembered; ``change`` says what counts as a change."""
    change = ask["change"]
    if change == "any":
        kept = {"at": now_ms, **({"value": ask["value"]} if "value" in ask else {})}
        differs = old is not None and not _alike(_value(old), _value(ask))
        return Moved(kept, _told(old, changed=differs))
    number = to_number(revived(_value(ask)))
    if not math.isfinite(number):
        return Moved(old, _told(old, changed=False))
    kept = {"at": now_ms, "value": number}
    before = math.nan if old is None else to_number(revived(_value(old)))
    if not math.isfinite(before):  # nothing to compare with, or another kind of change left it
        return Moved(kept, _told(old, changed=False))
    triggers = _triggers(change, before, number, ask["threshold"])
    follows = (change.endswith(INCREASE) and number < before) or (
        change.endswith(DECREASE) and number > before
    )
    return Moved(kept if triggers or follows else old, _told(old, changed=triggers))


RULES: Final[dict[str, Callable[[Remembered | None, Mapping[str, Any], int], Moved]]] = {
    "throttle": throttled,
    "latch": latched,
    "change": changed,
}
"""The rules by the name that a node asks for."""


def _told(old: Remembered | None, *, changed: bool) -> dict[str, Any]:
    previous = None if old is None else {"time": old["at"], **_given(old)}
    return {"changed": changed, "previous": previous}


def _given(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": holder["value"]} if "value" in holder else {}


def _value(holder: Mapping[str, Any]) -> Any:
    return holder.get("value", UNDEFINED)


def _triggers(change: str, before: float, number: float, threshold: float) -> bool:
    step = number - before
    if change.startswith(PERCENT):
        # From zero any step is more than any share.
        step = step / abs(before) * 100 if before else math.copysign(math.inf, step) * bool(step)
    if math.isnan(step):
        return False
    if change.endswith(INCREASE):
        return step >= threshold
    return (-step if change.endswith(DECREASE) else abs(step)) >= threshold


def _alike(one: Any, two: Any) -> bool:
    """Tell whether two values are deeply equal, as strictly as JavaScript compares."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_alike(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_alike, one, two))
    return bool(one == two)
