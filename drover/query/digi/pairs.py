"""How a query about jobs and devices falls apart into what is asked of each.

A query is tried on each pair of a job and one of its target devices; the job matches when one pair
makes the whole query true. A job without devices is tried once, all device fields unset.
"""

from __future__ import annotations

from dataclasses import dataclass

from drover.query.digi.fields import DEVICE_FIELDS
from drover.query.tree import (
    ALL,
    NOTHING,
    All,
    And,
    Missing,
    Node,
    Not,
    Nothing,
    Or,
    all_of,
    any_of,
    negate,
)


@dataclass(frozen=True, slots=True)
class Split:
    """A query as a conjunction: ``job`` of the job alone, ``pair`` of the job and a device.

    ``unaimed`` is what ``pair`` asks of a job without devices.
    """

    job: Node
    pair: Node
    unaimed: Node


def split(node: Node) -> Split:
    """Return the parts of a query."""
    parts = node.parts if isinstance(node, And) else (node,)
    of_pair = [part for part in parts if asks_device(part)]
    pair = all_of(of_pair)
    return Split(
        job=all_of(part for part in parts if not asks_device(part)),
        pair=pair,
        unaimed=without_device(pair),
    )


def asks_device(node: Node) -> bool:
    """Tell whether a query looks at the target device."""
    return any(field in DEVICE_FIELDS for field in fields_of(node))


def asks_job(node: Node) -> bool:
    """Tell whether a query looks at the job."""
    return any(field not in DEVICE_FIELDS for field in fields_of(node))


def fields_of(node: Node) -> set[str]:
    """Return the names of the fields a query looks at."""
    match node:
        case All() | Nothing():
            return set()
        case And(parts) | Or(parts):
            return set().union(*(fields_of(part) for part in parts))
        case Not(part):
            return fields_of(part)
        case _:
            return {node.field}


def without_device(node: Node) -> Node:
    """Return what a query asks of a job when every device field is unset."""
    match node:
        case And(parts):
            return all_of(without_device(part) for part in parts)
        case Or(parts):
            return any_of(without_device(part) for part in parts)
        case Not(part):
            return negate(without_device(part))
        case All() | Nothing():
            return node
        case _ if node.field not in DEVICE_FIELDS:
            return node
        case _:
            return ALL if isinstance(node, Missing) else NOTHING
