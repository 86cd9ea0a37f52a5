"""What nodes that remember something ask the host for: their rule, under an identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

LONGEST_IDENTIFIER: Final = 1024


def remembering(
    settings: Settings, rule: str, key: str
) -> Callable[[Visit, Mapping[str, Any]], dict[str, Any]]:
    """Return what makes a request to move a memory on; ``key`` holds the identifier's template.

    The memory belongs to the workflow, the node's id and the rendered identifier; that of a node
    within a custom node to the custom node's id as well. Which run of the batch asks, and for the
    how manieth time, is said too: one that is made again is told the same again.
    """
    identifier = settings.template(key)
    facts = settings.facts
    node_id = f"{facts.custom_node}/{facts.id}" if facts.custom_node else facts.id

    def ask(visit: Visit, more: Mapping[str, Any]) -> dict[str, Any]:
        name = identifier(visit.payload)
        if len(name) > LONGEST_IDENTIFIER:
            message = f"The identifier may not be longer than {LONGEST_IDENTIFIER} characters"
            raise Thrown("Validation", message)
        run = visit.run
        which = {"run": run.index, "turn": run.turn(node_id)}
        return {"rule": rule, "node": node_id, "key": name, **which, **more}

    return ask
