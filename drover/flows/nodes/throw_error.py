"""Throw Error: end the run with a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Each
from drover.flows.node import NONE, Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    message = settings.template("messageTemplate", required=True, label="Error message")

    def act(visit: Visit) -> int:
        raise Thrown("ThrowErrorNode", message(visit.payload))

    return Each(act)


NODE = Node(
    type="ThrowErrorNode", name="throw-error", category="debug", outputs=NONE, compile=_compile
)
