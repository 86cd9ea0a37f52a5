"""Experience User: Create."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import METHODS, USER_FIELDS, body_of, new_body, shown
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.experience_fields import Fields
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    keys = ("userJsonTemplate", "userPayloadPath")
    body = body_of(settings, keys, _single, METHODS[0])
    write = settings.writer("resultPath", fresh=True)
    return Ask("user.create", lambda visit: body(visit.payload), softly(write, shown))


def _single(settings: Settings) -> Fields:
    return new_body(settings, USER_FIELDS, "userTags", needed=("emailTemplate", "passwordTemplate"))


NODE = Node(
    type="CreateExperienceUserNode",
    name="create-experience-user",
    category="experience",
    compile=_compile,
)
