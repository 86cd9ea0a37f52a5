"""How devices are found by what they are known by, so that jobs can be sought from there.

What is asked is a conjunction: the part that an index serves best gives the candidates, the rest is
still to be asked of each.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import DEVICE_NUMBERS, GROUP_ENDS, GROUP_STARTS, GROUP_WITHIN
from drover.query.tree import And, Compare, In, Instant, Node, Operator, Or, all_of
from drover.store.compile.dialect import Kind
from drover.store.inventory.devices import REPORTED_TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.query.tree import Value
    from drover.store.compile.dialect import Dialect
    from drover.store.compile.parameters import Parameters

_FIRST_SURROGATE: Final = 0xD800
_AFTER_SURROGATES: Final = 0xE000


@dataclass(frozen=True, slots=True)
class Finder:
    """SQL of the ids of devices that an index gives, and what is still to be asked of them.

    ``read_through`` tells that the index is read as far as it holds the field.
    """

    sql: str
    rest: Node
    read_through: bool


def finder(node: Node, parameters: Parameters, dialect: Dialect) -> Finder | None:
    """Return how the devices that match ``node`` are found; None where no index helps."""
    parts = list(node.parts) if isinstance(node, And) else [node]
    ranked = [
        (rank, index) for index, part in enumerate(parts) if (rank := _rank(part)) is not None
    ]
    if not ranked:
        return None
    rank, index = min(ranked)
    chosen = parts.pop(index)
    return Finder(_found(chosen, parameters, dialect), all_of(parts), rank >= _READ_THROUGH)


_SIDES: Final[Mapping[str, str]] = {
    GROUP_STARTS: "({0} || '/')",
    GROUP_ENDS: "('/' || {0})",
    GROUP_WITHIN: "('/' || {0} || '/')",
}
"""The expressions of what text operators look at in a group."""

_FOUND: Final = frozenset({*REPORTED_TEXTS, "name", "tags"}) - {"description"}
_SCALES: Final = frozenset(DEVICE_NUMBERS)
_WITHIN: Final = frozenset({Operator.CONTAINS, Operator.ENDS_WITH})
_UNREPORTED: Final = {"health_status": "unknown"}
"""What a field is said to be where nothing is known of it."""


def _rank(node: Node) -> int | None:
    """Return how well an index serves a condition: the less the better, None not at all."""
    match node:
        case Compare("device_id", Operator.EQUAL) | In("device_id"):
            return 0
        case Compare(field, operator) if field in _SCALES:
            return 1 if operator is Operator.EQUAL else 3
        case Compare():
            return _RANKS.get(node.operator) if _known(node.field, (node.value,)) else None
        case In(field, values) if _known(field, values):
            return 1
        case Or(parts):
            ranks = [rank for part in parts if (rank := _rank(part)) is not None]
            return max(ranks) if len(ranks) == len(parts) else None
        case _:
            return None


_READ_THROUGH: Final = 4
_RANKS: Final[Mapping[Operator, int]] = {
    Operator.EQUAL: 1,
    Operator.STARTS_WITH: 2,
    Operator.CONTAINS: _READ_THROUGH,
    Operator.ENDS_WITH: _READ_THROUGH,
}


def _known(field: str, values: tuple[Value, ...]) -> bool:
    """Tell whether a device is of one of these only where something is known of it."""
    named = "group" if field in _SIDES else field
    nothing = ("", "/", _UNREPORTED.get(field))
    return named in _FOUND | _SCALES and all(value not in nothing for value in values)


def _found(node: Node, parameters: Parameters, dialect: Dialect) -> str:
    if isinstance(node, Or):
        return " UNION ALL ".join(_found(part, parameters, dialect) for part in node.parts)
    assert isinstance(node, Compare | In)  # noqa: S101 - the only other ones that have a rank
    field = "group" if node.field in _SIDES else node.field
    # The parts of these texts are the program's own.
    if field == "device_id":
        return f"SELECT device.id FROM device WHERE {_test('device.id', node, parameters)}"  # noqa: S608
    if isinstance(node, Compare) and node.field == GROUP_STARTS:
        ways = [replace(node, field="group") for node in _beginnings(node)]
        return " UNION ALL ".join(_found(way, parameters, dialect) for way in ways)
    scale = field in _SCALES
    facts = _test("fact.number" if scale else "fact.value", node, parameters)
    known = "fact.number IS NOT NULL AND " if scale else ""
    sql = (
        "SELECT fact.device_id AS id FROM device_fact AS fact"  # noqa: S608
        f" WHERE fact.field = '{field}' AND {known}{facts}"
    )
    if field in ("name", "tags"):
        return sql
    test = _test(_report(field, dialect), node, parameters)
    return (
        f"{sql} UNION ALL SELECT last.device_id FROM device_last AS last"  # noqa: S608
        f" WHERE last.attribute = '{field}' AND {test} AND NOT EXISTS (SELECT 1 FROM device_fact"
        f" AS other WHERE other.device_id = last.device_id AND other.field = '{field}')"
    )


def _beginnings(node: Compare) -> list[Compare]:
    """Return what to look for in groups as they are stored, without a slash at their end."""
    value = str(node.value)
    if not value.endswith("/"):
        return [node]
    return [Compare(node.field, Operator.EQUAL, value.removesuffix("/")), node]


def _report(field: str, dialect: Dialect) -> str:
    """Return the expression of what a row of reports holds, as it is compared."""
    kind = Kind.NUMBER if field in _SCALES else Kind.TEXT
    value = dialect.json_value("last.value", dialect.path_literal(()), kind)
    if kind is Kind.NUMBER:
        return f"({value})"
    folded = dialect.fold(f"({value})")
    return f"(trim({folded}, '/'))" if field == "group" else f"({folded})"


_SIGNS: Final = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
}


def _test(column: str, node: Compare | In, parameters: Parameters) -> str:
    if isinstance(node, In):
        return parameters.membership(column, [value_in_column(value) for value in node.values])
    if node.operator in _SIGNS:
        return f"{column} {_SIGNS[node.operator]} {parameters.value(value_in_column(node.value))}"
    value = str(node.value)
    if node.operator in _WITHIN:
        side = _SIDES.get(node.field, "{0}").format(column)
        return parameters.dialect.text_test(node.operator, side, parameters.value(value))
    test = f"{column} >= {parameters.value(value)}"
    following = _following(value)
    return f"{test} AND {column} < {parameters.value(following)}" if following is not None else test


def value_in_column(value: Value) -> str | float:
    """Return a value of a device's field as a column holds it: these are text or numbers."""
    assert not isinstance(value, Instant)  # noqa: S101 - no field of a device is compared with one
    return value


def _following(prefix: str) -> str | None:
    """Return the least text after all that start so; None when there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if code == _FIRST_SURROGATE else code)
