"""Validate Payload: output 1 when a value meets a JSON Schema, else output 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.schemas import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    schema = _schema(settings)
    checked = settings.path("toValidatePath")
    write = settings.writer("errorsPath", fresh=True)

    def act(visit: Visit) -> int:
        payload = visit.payload
        errors = check(schema(payload), payload if checked is None else checked.get(payload))
        if write is not None:
            write(visit, errors)
        return 0 if errors else 1

    return Each(act)


def _schema(settings: Settings) -> Callable[[Any], Any]:
    if settings.literal("schemaType", default="json", choices=("json", "path")) == "json":
        return settings.json("schema", required=True)
    path = settings.path("schema", required=True)
    return lambda payload: UNDEFINED if path is None else path.get(payload)


NODE = Node(
    type="ValidatePayloadNode",
    name="validate-payload",
    category="logic",
    outputs=2,
    compile=_compile,
)
