"""Generate Token: a token that an experience user signs in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.experience_fields import token_fields
from drover.flows.node import Node

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    user = settings.template("emailOrIdTemplate", required=True, label="User email or id")
    login = settings.flag("treatAsLogin")
    wanted = token_fields(settings)
    write = settings.writer("resultPath", required=True, fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {"user": user(payload), "login": login, **wanted(payload)}

    return Ask("user.token", request, softly(write))


NODE = Node(
    type="ExperienceUserTokenNode",
    name="experience-user-token",
    category="experience",
    compile=_compile,
)
