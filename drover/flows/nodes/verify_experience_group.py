"""Verify Group: output 1 when an experience user is in a group, or in one above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import chosen
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    user = settings.template("emailOrIdTemplate", required=True, label="User email or id")
    group = settings.template("groupIdTemplate", required=True, label="Group id")

    def request(visit: Visit) -> dict[str, Any]:
        return {"user": user(visit.payload), "group": group(visit.payload)}

    return Ask("group.hasUser", request, chosen)


NODE = Node(
    type="VerifyExperienceGroupNode",
    name="verify-experience-group",
    category="experience",
    outputs=2,
    compile=_compile,
)
