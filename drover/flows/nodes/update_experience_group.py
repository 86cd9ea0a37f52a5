"""Experience Group: Update: its fields, and the users in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import (
    GROUP_FIELDS,
    METHODS,
    body_of,
    changed_body,
    names,
    shown,
)
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.experience_fields import Fields
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_MEMBERS: Final = {
    "membersToAdd": "added",
    "membersToRemove": "removed",
    "membersReplacement": "replacement",
}


def _compile(settings: Settings) -> Action:
    group = settings.template("groupIdTemplate", required=True, label="Group id")
    keys = ("groupJsonTemplate", "groupPayloadPath")
    body = body_of(settings, keys, _single, METHODS[0])
    members = {name: names(settings, key) for key, name in _MEMBERS.items()}

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        changed = {name: render(payload) for name, render in members.items()}
        return {"id": group(payload), **body(payload), **changed}

    return Ask("group.update", request, softly(settings.writer("resultPath", fresh=True), shown))


def _single(settings: Settings) -> Fields:
    return changed_body(settings, GROUP_FIELDS, "groupTags")


NODE = Node(
    type="UpdateExperienceGroupNode",
    name="update-experience-group",
    category="experience",
    compile=_compile,
)
