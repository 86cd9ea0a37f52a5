"""Answers about workflows that tell of the custom nodes in them, where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.app.custom_nodes import CustomNodes
    from drover.faces.operation import Call, Operation

PARAMETER: Final = "includeCustomNodes"


class WithCustomNodes:
    """Adds the custom nodes that workflows use to the answers that show workflows."""

    def __init__(self, nodes: CustomNodes) -> None:
        self._nodes = nodes

    def on(self, operation: Operation) -> Operation:
        """Return an operation that shows workflows or versions, and also their custom nodes."""
        return replace(
            operation,
            run=self._over(operation.run),
            parameters=(*operation.parameters, PARAMETER),
            gives_way=False,
        )

    def _over(self, run: Callable[[Call], Awaitable[Any]]) -> Callable[[Call], Awaitable[Any]]:
        async def answer(call: Call) -> Any:
            wanted = call.flag(PARAMETER)  # a bad one is refused before anything is changed
            given = await run(call)
            return await self._added(call, given) if wanted else given

        return answer

    async def _added(self, call: Call, given: bytes) -> dict[str, Any]:
        shown: dict[str, Any] = msgspec.json.decode(given)
        workflows = shown.get("items", [shown])
        used = await self._nodes.used_by(call.application_id, workflows)
        for workflow, nodes in zip(workflows, used, strict=True):
            workflow["customNodes"] = nodes
        return shown
