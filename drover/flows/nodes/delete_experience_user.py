"""Experience User: Delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    user = settings.template("emailOrIdTemplate", required=True, label="User email or id")
    write = settings.writer("resultPath", fresh=True)
    return Ask("user.delete", lambda visit: {"user": user(visit.payload)}, softly(write))


NODE = Node(
    type="DeleteExperienceUserNode",
    name="delete-experience-user",
    category="experience",
    compile=_compile,
)
