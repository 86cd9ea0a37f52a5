"""Random Number: a whole number between two, both included."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Each
from drover.flows.language import to_number
from drover.flows.language.numbers import plain
from drover.flows.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    least, most = _bound(settings, "min", 0), _bound(settings, "max", 100)
    write = settings.writer("resultPath", required=True, fresh=True)

    def act(visit: Visit) -> int:
        if write is not None:
            write(visit, _between(least(visit.payload), most(visit.payload)))
        return 0

    return Each(act)


def _bound(settings: Settings, key: str, default: int) -> Callable[[Any], float]:
    if isinstance(settings.config.get(key), str):
        text = settings.template(key)
        return lambda payload: to_number(text(payload).strip() or "x")
    number = settings.number(key, default=default)
    return lambda _payload: default if number is None else number


def _between(least: float, most: float) -> float | None:
    """Return a whole number; None where there is none between."""
    if not (math.isfinite(least) and math.isfinite(most)):
        return None
    low, high = math.ceil(least), math.floor(most)
    return None if low > high else plain(low + secrets.randbelow(high - low + 1))


NODE = Node(type="RandomNumberNode", name="random-number", category="logic", compile=_compile)
