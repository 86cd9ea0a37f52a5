"""Experience Group: Create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import GROUP_FIELDS, METHODS, body_of, new_body, shown
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.experience_fields import Fields
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    keys = ("groupJsonTemplate", "groupPayloadPath")
    body = body_of(settings, keys, _single, METHODS[0])
    write = settings.writer("resultPath", fresh=True)
    return Ask("group.create", lambda visit: body(visit.payload), softly(write, shown))


def _single(settings: Settings) -> Fields:
    return new_body(settings, GROUP_FIELDS, "groupTags", needed=("nameTemplate",))


NODE = Node(
    type="CreateExperienceGroupNode",
    name="create-experience-group",
    category="experience",
    compile=_compile,
)
