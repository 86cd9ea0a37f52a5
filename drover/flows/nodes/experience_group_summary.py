"""Group Summary: how many users, groups and devices an experience group has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    group = settings.template("idTemplate", required=True, label="Group id")
    write = settings.writer("resultPath", required=True, fresh=True)
    return Ask("group.summary", lambda visit: {"id": group(visit.payload)}, softly(write))


NODE = Node(
    type="ExperienceGroupSummaryNode",
    name="group-summary",
    category="experience",
    compile=_compile,
)
