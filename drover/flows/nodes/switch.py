"""Switch: the first case whose text equals the switch's; output 0 when none does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.actions import Action, Each
from drover.flows.node import AS_CONFIGURED, Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_CASES: Final = 99


def _compile(settings: Settings) -> Action:
    switch = settings.template("switchTemplate")
    if "switchTemplate" not in settings.config:
        settings.flaw("switchTemplate", "Switch is required", missing=True)
    entries = settings.items("cases", most=MOST_CASES, required=True)
    cases = [entry.template("caseTemplate") for entry in entries]

    def act(visit: Visit) -> int:
        payload = visit.payload
        text = switch(payload)
        for index, case in enumerate(cases, 1):
            if case(payload) == text:
                return index
        return 0

    return Each(act)


NODE = Node(
    type="SwitchNode", name="switch", category="logic", outputs=AS_CONFIGURED, compile=_compile
)
