"""Tests of devices' names, which an index of names narrows where few have what is asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from drover.query.fold import fold
from drover.query.tree import And, Compare, In, Node, Operator, all_of
from drover.store.search import GRAM, SearchStore

if TYPE_CHECKING:
    from drover.store.driver import Transaction

FEW: Final = 1000
"""Devices that a test of names is narrowed to; where more may pass it, it is left as it is."""

_WITHIN: Final = frozenset({Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS})
_WILD: Final = re.compile(r"[*?]+")


async def with_named(tx: Transaction, kind: str, application_id: str, node: Node) -> Node:
    """Return the tree of a query for devices with tests of names narrowed to those that may pass.

    No other index tells what a name has in it: each device of the application was looked at.
    """
    if kind != "device":
        return node
    if isinstance(node, And):
        return all_of([await with_named(tx, kind, application_id, each) for each in node.parts])
    text = _text_of(node)
    if len(text) < GRAM:
        return node
    found = await SearchStore(tx).find(application_id, text, [kind], FEW + 1)
    if len(found) > FEW:
        return node
    return all_of([In("id", tuple(each.id for each in found)), node])


def names_few(node: Node) -> bool:
    """Tell whether a query holds for no others than a few whose ids it has."""
    parts = node.parts if isinstance(node, And) else (node,)
    return any(
        isinstance(each, In) and each.field == "id" and len(each.values) <= FEW for each in parts
    )


def _text_of(node: Node) -> str:
    """Return what a name has in it that passes a test, folded; nothing where none is tested."""
    if not isinstance(node, Compare) or node.field != "name" or not isinstance(node.value, str):
        return ""
    if node.operator in _WITHIN:
        return fold(node.value)
    if node.operator is Operator.GLOB:
        return fold(max(_WILD.split(node.value), key=len))
    return ""
