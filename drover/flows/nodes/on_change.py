"""On Change: output 1 when a value differs enough from the one remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.language import UNDEFINED, to_number
from drover.flows.node import Node
from drover.flows.payload import plain, revived
from drover.flows.remembering import remembering
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_CHANGES: Final = (
    "any",
    "value",
    "valueInc",
    "valueDec",
    "percent",
    "percentInc",
    "percentDec",
)


def _compile(settings: Settings) -> Action:
    path = settings.path("valuePath", required=True)
    change = settings.literal("changeType", default="any", choices=_CHANGES)
    threshold = _threshold(settings, change)
    ask = remembering(settings, "change", "onChangeIdTemplate")
    write = settings.writer("prevValuePath", fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        value = UNDEFINED if path is None else path.get(visit.payload)
        more: dict[str, Any] = {"change": change, "threshold": threshold(visit.payload)}
        if value is not UNDEFINED:
            more["value"] = plain(value)
        return ask(visit, more)

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        told = answer["result"]
        if write is not None and told["previous"] is not None:
            write(visit, revived(told["previous"]))
        return 1 if told["changed"] else 0

    return Ask("memory.advance", request, settle)


def _threshold(settings: Settings, change: str) -> Callable[[Any], float]:
    """Return what gives the threshold: a number, or a template that renders to one."""
    if change == "any":
        return lambda _payload: 0
    if isinstance(settings.config.get("changeThreshold"), str):
        text = settings.template("changeThreshold", required=True)
        return lambda payload: _checked(to_number(text(payload)))
    number = settings.number("changeThreshold")
    if number is None:
        settings.flaw("changeThreshold", "Change threshold is required", missing=True)
    return lambda _payload: number or 0


def _checked(number: float) -> float:
    if not number - number == 0:
        raise Thrown("Validation", "Change threshold must be a number")
    return number


NODE = Node(
    type="BranchOnChangeNode", name="onchange", category="logic", outputs=2, compile=_compile
)
