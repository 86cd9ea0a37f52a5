"""Experience User: Update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import METHODS, USER_FIELDS, body_of, changed_body, shown
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.experience_fields import Fields
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    user = settings.template("emailOrIdTemplate", required=True, label="User email or id")
    keys = ("userJsonTemplate", "userPayloadPath")
    body = body_of(settings, keys, _single, METHODS[0])
    cut_off = settings.flag("invalidateExistingTokens")

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {"user": user(payload), "cutOff": cut_off, **body(payload)}

    return Ask("user.update", request, softly(settings.writer("resultPath", fresh=True), shown))


def _single(settings: Settings) -> Fields:
    return changed_body(settings, USER_FIELDS, "userTags")


NODE = Node(
    type="UpdateExperienceUserNode",
    name="update-experience-user",
    category="experience",
    compile=_compile,
)
