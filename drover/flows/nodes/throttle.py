"""Throttle: let a run pass only so often; output 1 when it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.node import Node
from drover.flows.remembering import remembering

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_A_MINUTE: Final = 600
MINUTE_MS: Final = 60_000


def _compile(settings: Settings) -> Action:
    spacing_ms = _spacing_ms(settings)
    ask = remembering(settings, "throttle", "throttleIdTemplate")
    write = settings.writer("timeSincePath", fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        return ask(visit, {"spacingMs": spacing_ms})

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        told = answer["result"]
        if write is not None and told["sinceMs"] is not None:
            write(visit, told["sinceMs"])
        return 1 if told["passes"] else 0

    return Ask("memory.advance", request, settle)


def _spacing_ms(settings: Settings) -> float:
    rate = settings.number("ratePerMinute")
    if rate is None:
        settings.flaw("ratePerMinute", "Rate per minute is required", missing=True)
        return 0
    if not 0 < rate <= MOST_A_MINUTE:
        settings.flaw(
            "ratePerMinute", f"Rate per minute must be above 0 and at most {MOST_A_MINUTE}"
        )
        return 0
    return MINUTE_MS / rate


NODE = Node(type="ThrottleNode", name="throttle", category="logic", outputs=2, compile=_compile)
