"""Access Key: Create: what devices sign in with; the secret is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.key_fields import key_body
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from drover.flows.settings import Settings


def _compile(settings: Settings) -> Action:
    body = key_body(settings)
    write = settings.writer("resultPath", required=True, fresh=True)
    return Ask("key.create", lambda visit: {"body": body(visit.payload)}, softly(write, dated))


NODE = Node(type="CreateAccessKeyNode", name="create-access-key", category="data", compile=_compile)
