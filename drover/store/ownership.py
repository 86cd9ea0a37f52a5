"""Devices that groups own by a query of their own, which no index can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from drover.model.errors import Invalid
from drover.query.kinds import DEVICES
from drover.query.losant import parse_json
from drover.query.tree import And, Compare, In, Node, Not, Operator, Or, any_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Transaction

_GROUP: Final = "experienceGroupId"
_USER: Final = "experienceUserId"
_STATEMENTS: Final = {_GROUP: "device_queries_of_groups", _USER: "device_queries_of_users"}


async def with_owned(tx: Transaction, kind: str, application_id: str, node: Node) -> Node:
    """Return the tree of a query for devices that also finds what groups own by a query.

    Every query for devices by group or user goes through here before it is compiled. A group's own
    query is taken as it is: one that asks for groups again finds what they own by id and tag.
    """
    if kind != "device" or not _names_owner(node):
        return node
    return await _expanded(tx, application_id, node)


def _names_owner(node: Node) -> bool:
    match node:
        case And(parts) | Or(parts):
            return any(map(_names_owner, parts))
        case Not(part):
            return _names_owner(part)
        case Compare(field=field) | In(field=field):
            return field in _STATEMENTS
        case _:
            return False


async def _expanded(tx: Transaction, application_id: str, node: Node) -> Node:
    match node:
        case And(parts):
            return And(tuple([await _expanded(tx, application_id, part) for part in parts]))
        case Or(parts):
            return Or(tuple([await _expanded(tx, application_id, part) for part in parts]))
        case Not(part):
            return Not(await _expanded(tx, application_id, part))
        case Compare(field=field, operator=Operator.EQUAL, value=value) if field in _STATEMENTS:
            queries = await _queries(tx, application_id, field, [str(value)])
            return any_of([node, *queries])
        case In(field=field, values=values) if field in _STATEMENTS:
            queries = await _queries(tx, application_id, field, [str(each) for each in values])
            return any_of([node, *queries])
        case _:
            return node


class _Group(Struct):
    """What of a group's document matters here."""

    query: str | None = msgspec.field(name="deviceQueryJson", default=None)


async def _queries(
    tx: Transaction, application_id: str, field: str, ids: Sequence[str]
) -> list[Node]:
    params = {"application_id": application_id, "ids": list(ids)}
    found = []
    for row in await tx.fetch(_STATEMENTS[field], params):
        text = msgspec.json.decode(row["document"], type=_Group).query
        try:
            found.append(parse_json(text or "", DEVICES))
        except Invalid:  # kept before a rule became stricter: owns nothing by it
            continue
    return found
