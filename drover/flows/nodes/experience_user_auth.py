"""Authenticate: output 1 when an experience user signs in, by password, by token, or by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import throw_error
from drover.flows.experience_fields import shown, token_fields
from drover.flows.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

_MODES: Final = {
    "emailPassword": ("email", "password"),
    "token": ("token",),
    "tokenEmail": ("token", "email"),
    "tokenEmailPassword": ("token", "email", "password"),
}
"""What is looked at in each mode."""


def _compile(settings: Settings) -> Action:
    looked_at = _MODES[_mode(settings)]
    given = {name: settings.template(f"{name}Template") for name in looked_at}
    write_user = settings.writer("userResultPath", fresh=True)
    write_token = settings.writer("tokenResultPath", fresh=True)
    wanted = token_fields(settings)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        credentials = {name: render(payload) for name, render in given.items()}
        return {**credentials, **wanted(payload), "makesToken": write_token is not None}

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        found = answer["result"]
        if found is None:
            return 0
        if write_user is not None:
            write_user(visit, shown(found["user"]))
        if write_token is not None:
            write_token(visit, found["token"])
        return 1

    return Ask("user.authenticate", request, settle)


def _mode(settings: Settings) -> str:
    """Return which credentials are looked at; without a word for it, those that are configured."""
    mode = settings.facts.meta.get("authMode")
    if isinstance(mode, str) and mode in _MODES:
        return mode
    by_token = settings.holds("tokenTemplate") and not settings.holds("passwordTemplate")
    return "token" if by_token else "emailPassword"


NODE = Node(
    type="ExperienceUserAuthNode",
    name="experience-user-auth",
    category="experience",
    outputs=2,
    compile=_compile,
)
