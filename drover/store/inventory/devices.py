"""Where the inventory's fields of a device lie, and how devices are found by them.

A field comes from ``device_fact``, which repeats names and tags folded, else from the last report
of that name. ``alias`` is what the statement calls the device's row, which may be all NULL, and
``key`` the expression of its id: fields that are not in the row itself are reached without it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import (
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
)
from drover.query.tree import And, Compare, In, Instant, Node, Operator, Or, all_of
from drover.store.compile.columns import Column, Plain, Related
from drover.store.compile.dialect import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.query.tree import Value
    from drover.store.compile.columns import ColumnMap
    from drover.store.compile.dialect import Dialect
    from drover.store.compile.parameters import Parameters

_REPORTED_TEXTS: Final = (*DEVICE_TEXTS, "health_status", "restricted_status", "group")
_NATIVE: Final = frozenset({"name", "description", "device_id"})
_FIRST_SURROGATE: Final = 0xD800
_AFTER_SURROGATES: Final = 0xE000


IN_ROW: Final = frozenset(
    {
        "description",
        "device_id",
        "health_status",
        "connection_status",
        "last_connect",
        "last_disconnect",
        "last_update",
    }
)
"""The fields that need the device's row."""


def device_columns(alias: str, key: str, dialect: Dialect) -> ColumnMap:
    """Return how a query reaches the fields of a device; texts are folded already."""
    texts = {name: _text(name, key, dialect) for name in _REPORTED_TEXTS}
    described = dialect.json_raw(f"{alias}.document", dialect.path_literal(("description",)))
    # A group's path is kept without outer slashes, whichever way it came in.
    group = f"trim({texts.pop('group')}, '/')"
    columns = {
        **texts,
        **{name: _number(name, key, dialect) for name in DEVICE_NUMBERS},
        "name": _fact("value", "name", key),
        "description": dialect.fold(f"({described})"),
        "device_id": f"{alias}.id",
        "group": group,
        GROUP_STARTS: f"({group} || '/')",
        GROUP_ENDS: f"('/' || {group})",
        GROUP_WITHIN: f"('/' || {group} || '/')",
        "health_status": _when(alias, f"coalesce({texts['health_status']}, 'unknown')"),
        "connection_status": _when(
            alias, f"CASE {alias}.connected WHEN 1 THEN 'connected' ELSE 'disconnected' END"
        ),
        "last_connect": f"{alias}.connected_at_ms",
        "last_disconnect": f"{alias}.disconnected_at_ms",
        "last_update": f"{alias}.updated_ms",
    }
    plain: dict[str, Column] = {name: Plain(f"({sql})") for name, sql in columns.items()}
    marks = f"device_fact AS mark WHERE mark.device_id = {key} AND mark.field = 'tags'"
    return {**plain, "tags": Related(marks, "mark.value")}


def shown_columns(alias: str, dialect: Dialect) -> Mapping[str, str]:
    """Return the expressions of a device's fields as they were written, for columns of a table."""
    key = f"{alias}.id"
    named = {
        name: f"coalesce({_tagged(name, key)}, {_reported(name, key, dialect, Kind.TEXT)})"
        for name in _REPORTED_TEXTS
        if name not in _NATIVE
    }
    numbers = {
        name: f"coalesce({_fact('value', name, key)}, CAST({number} AS TEXT))"
        for name in DEVICE_NUMBERS
        if (number := _reported(name, key, dialect, Kind.NUMBER))
    }
    folded = device_columns(alias, key, dialect)
    as_asked = ("device_id", "connection_status", "last_connect", "last_disconnect", "last_update")
    same = {name: column.sql for name in as_asked if isinstance(column := folded[name], Plain)}
    return {
        **named,
        **numbers,
        **same,
        "name": f"{alias}.name",
        "description": dialect.json_raw(
            f"{alias}.document", dialect.path_literal(("description",))
        ),
        "health_status": _when(alias, f"coalesce({named['health_status']}, 'unknown')"),
        "tags": _tag_list(alias, dialect),
    }


def _tag_list(alias: str, dialect: Dialect) -> str:
    """Return the expression of a device's tags in one text, parted by semicolons."""
    tags = f"device_tag AS tag WHERE tag.device_id = {alias}.id AND tag.key IN ('tag', 'tags')"
    # The parts of this text are the program's own.
    if dialect.fold_parameters:
        return f"(SELECT string_agg(tag.value, ';' ORDER BY tag.value) FROM {tags})"  # noqa: S608
    ordered = f"SELECT tag.value AS value FROM {tags} ORDER BY tag.value"  # noqa: S608
    return f"(SELECT group_concat(value, ';') FROM ({ordered}) AS ordered)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Finder:
    """SQL of the ids of devices that an index gives, and what is still to be asked of them."""

    sql: str
    rest: Node


def finder(node: Node, parameters: Parameters, dialect: Dialect) -> Finder | None:
    """Return how the devices that match ``node`` are found; None where no index helps."""
    parts = list(node.parts) if isinstance(node, And) else [node]
    ranked = [
        (rank, index) for index, part in enumerate(parts) if (rank := _rank(part)) is not None
    ]
    if not ranked:
        return None
    chosen = parts.pop(min(ranked)[1])
    return Finder(_found(chosen, parameters, dialect), all_of(parts))


_SIDES: Final = {GROUP_STARTS: "group"}
_FOUND: Final = frozenset({*_REPORTED_TEXTS, "name", "tags"}) - {"description", "health_status"}
_SCALES: Final = frozenset(DEVICE_NUMBERS)


def _rank(node: Node) -> int | None:
    """Return how well an index serves a condition: the less the better, None not at all."""
    match node:
        case Compare("device_id", Operator.EQUAL) | In("device_id"):
            return 0
        case Compare(field, Operator.EQUAL | Operator.STARTS_WITH, str()):
            known = _SIDES.get(field, field) in _FOUND and node.value not in ("", "/")
            return (1 if node.operator is Operator.EQUAL else 2) if known else None
        case Compare(field, operator) if field in _SCALES:
            return 1 if operator is Operator.EQUAL else 3
        case In(field, values) if field in _FOUND | _SCALES:
            return 1 if all(value != "" for value in values) else None
        case Or(parts):
            ranks = [rank for part in parts if (rank := _rank(part)) is not None]
            return max(ranks) if len(ranks) == len(parts) else None
        case _:
            return None


def _found(node: Node, parameters: Parameters, dialect: Dialect) -> str:
    if isinstance(node, Or):
        return " UNION ALL ".join(_found(part, parameters, dialect) for part in node.parts)
    assert isinstance(node, Compare | In)  # noqa: S101 - the only other ones that have a rank
    field = _SIDES.get(node.field, node.field)
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
    if node.operator is not Operator.STARTS_WITH:
        return f"{column} {_SIGNS[node.operator]} {parameters.value(value_in_column(node.value))}"
    value = str(node.value)
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


def _text(name: str, key: str, dialect: Dialect) -> str:
    return f"coalesce({_fact('value', name, key)}, {_folded_report(name, key, dialect)})"


def _folded_report(name: str, key: str, dialect: Dialect) -> str:
    """Return the last report of a text, folded within its own subquery: it is rarely there."""
    value = dialect.json_value("last.value", dialect.path_literal(()), Kind.TEXT)
    return (
        f"(SELECT {dialect.fold(f'({value})')} FROM device_last AS last"  # noqa: S608
        f" WHERE last.device_id = {key} AND last.attribute = '{name}')"
    )


def _number(name: str, key: str, dialect: Dialect) -> str:
    reported = _reported(name, key, dialect, Kind.NUMBER)
    return f"coalesce({_fact('number', name, key)}, {reported})"


def _fact(column: str, name: str, key: str) -> str:
    return (
        f"(SELECT fact.{column} FROM device_fact AS fact"  # noqa: S608
        f" WHERE fact.device_id = {key} AND fact.field = '{name}')"
    )


def _tagged(name: str, key: str) -> str:
    return (
        f"(SELECT min(tag.value) FROM device_tag AS tag"  # noqa: S608
        f" WHERE tag.device_id = {key} AND tag.key = '{name}')"
    )


def _reported(name: str, key: str, dialect: Dialect, kind: Kind) -> str:
    value = dialect.json_value("last.value", dialect.path_literal(()), kind)
    return (
        f"(SELECT {value} FROM device_last AS last"  # noqa: S608
        f" WHERE last.device_id = {key} AND last.attribute = '{name}')"
    )


def _when(alias: str, sql: str) -> str:
    """Return ``sql`` where there is a device, else NULL."""
    return f"CASE WHEN {alias}.id IS NOT NULL THEN {sql} END"
