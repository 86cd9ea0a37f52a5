"""The context that a node starts something with: none, a template's, a part of the payload, all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.payload import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

_WHOLE: Final = ("workflowPayload", "fullPayload")
_TYPES: Final = ("none", "jsonTemplate", "payloadPath", *_WHOLE)


def context(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile what a request says of its context: nothing, or ``{"context": value}``."""
    kind = settings.literal("contextTemplateType", default="none", choices=_TYPES)
    if kind == "none":
        return lambda _payload: {}
    if kind in _WHOLE:
        return lambda payload: {"context": jsonable(payload)}
    if kind == "jsonTemplate":
        render = settings.json("contextTemplate", required=True, label="Context")
        return lambda payload: {"context": jsonable(render(payload))}
    path = settings.path("contextTemplate", required=True, label="Context")
    return lambda payload: {"context": jsonable(None if path is None else path.get(payload))}
