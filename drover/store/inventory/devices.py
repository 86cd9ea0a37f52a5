"""Where the inventory's fields of a device lie, and how devices are found by them.

A field comes from ``device_fact``, which repeats names and tags folded, else from the last report
of that name. ``alias`` is what the statement calls the device's row, which may be all NULL, and
``key`` the expression of its id: fields that are not in the row itself are reached without it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import (
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
)
from drover.query.tree import And, Compare, Node, Operator, Or, all_of
from drover.store.compile.columns import Column, Plain, Related
from drover.store.compile.dialect import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _rank(node: Node) -> int | None:
    """Return how well an index serves a condition: the less the better, None not at all."""
    match node:
        case Compare(field, Operator.EQUAL | Operator.STARTS_WITH, str()):
            known = _SIDES.get(field, field) in _FOUND and _sought(node)
            return (1 if node.operator is Operator.EQUAL else 2) if known else None
        case Or(parts):
            ranks = [rank for part in parts if (rank := _rank(part)) is not None]
            return max(ranks) if len(ranks) == len(parts) else None
        case _:
            return None


def _found(node: Node, parameters: Parameters, dialect: Dialect) -> str:
    if isinstance(node, Or):
        return " UNION ".join(_found(part, parameters, dialect) for part in node.parts)
    assert isinstance(node, Compare)  # noqa: S101 - the only other one that has a rank
    field = _SIDES.get(node.field, node.field)
    facts = _test("fact.value", node, parameters, dialect)
    # The parts of this text are the program's own.
    sql = f"SELECT fact.device_id AS id FROM device_fact AS fact WHERE fact.field = '{field}' AND {facts}"  # noqa: S608, E501
    if field in ("name", "tags"):
        return sql
    reported = dialect.fold(dialect.json_value("last.value", dialect.path_literal(()), Kind.TEXT))
    if field == "group":
        reported = f"trim({reported}, '/')"
    test = _test(f"({reported})", node, parameters, dialect)
    return (
        f"{sql} UNION SELECT last.device_id FROM device_last AS last"  # noqa: S608
        f" WHERE last.attribute = '{field}' AND {test} AND NOT EXISTS (SELECT 1 FROM device_fact"
        f" AS other WHERE other.device_id = last.device_id AND other.field = '{field}')"
    )


def _sought(node: Compare) -> str:
    value = str(node.value)
    return value.removesuffix("/") if node.field == GROUP_STARTS else value


def _test(column: str, node: Compare, parameters: Parameters, dialect: Dialect) -> str:
    value = _sought(node)
    if node.operator is Operator.EQUAL:
        return f"{column} = {parameters.value(value)}"
    test = f"{column} >= {parameters.value(value)}"
    following = _following(value)
    if following is not None:
        test += f" AND {column} < {parameters.value(following)}"
    if node.field == GROUP_STARTS:
        whole = parameters.value(str(node.value))
        test += f" AND {dialect.text_test(node.operator, _slashed(column), whole)}"
    return test


def _slashed(column: str) -> str:
    return f"({column} || '/')"


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
