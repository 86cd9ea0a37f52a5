"""What declares a workflow node: one ``NODE`` for each file of the ``nodes`` folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Action
    from drover.flows.settings import Settings

SERVER_CLASSES: Final = frozenset({"cloud", "experience", "customNode"})
"""The classes of workflow that run on the server."""

NONE: Final = 0
"""A node from which nothing leads on."""

AS_CONFIGURED: Final = -1
"""A node with as many outputs as its config says."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A type of workflow node.

    ``compile`` reads the config through its Settings, which collect every flaw, and returns the
    action; it is called when a workflow is saved, to check it, and in each worker, to run it.
    ``outputs`` is the number of outputs, or ``AS_CONFIGURED``. ``aliases`` are other spellings of
    the type; ``names`` further values of ``meta.name`` beside ``name``.
    """

    type: str
    name: str
    category: str
    compile: Callable[[Settings], Action | None]
    outputs: int = 1
    aliases: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    classes: frozenset[str] = SERVER_CLASSES


@cache
def node_types() -> dict[str, Node]:
    """Return every known node by type and alias."""
    from drover.discover import discover
    from drover.flows import nodes

    return {
        name: node for node in discover(nodes, "NODE", Node) for name in (node.type, *node.aliases)
    }
