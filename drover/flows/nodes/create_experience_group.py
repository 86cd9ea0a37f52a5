"""Experience Group: Create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import METHODS, body_of, given_tags, shown, texts
from drover.flows.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    keys = ("groupJsonTemplate", "groupPayloadPath")
    body = body_of(settings, keys, _single, METHODS[0])
    write = settings.writer("resultPath", fresh=True)
    return Ask("group.create", lambda visit: body(visit.payload), softly(write, shown))


def _single(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    fields = {
        "nameTemplate": "name",
        "descriptionTemplate": "description",
        "parentIdTemplate": "parentId",
    }
    render = texts(settings, fields, needed=("nameTemplate",))
    tags = given_tags(settings, "groupTags")

    def single(payload: Any) -> dict[str, Any]:
        body = render(payload)
        if given := {key: value for key, value in tags(payload).items() if value}:
            body["groupTags"] = given
        return {"body": body}

    return single


NODE = Node(
    type="CreateExperienceGroupNode",
    name="create-experience-group",
    category="experience",
    compile=_compile,
)
