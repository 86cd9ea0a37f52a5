"""Where the inventory's fields of a device lie, and how devices are found by them.

A field comes from ``device_fact``, which repeats names and tags folded, else from the last report
of that name. ``alias`` is what the statement calls the device's row; it may be all NULL.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import (
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
)
from drover.query.tree import And, Compare, Node, Operator, Or
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


def device_columns(alias: str, dialect: Dialect) -> ColumnMap:
    """Return how a query reaches the fields of a device; texts are folded already."""
    texts = {name: _text(name, alias, dialect) for name in _REPORTED_TEXTS}
    described = dialect.json_raw(f"{alias}.document", dialect.path_literal(("description",)))
    # A group's path is kept without outer slashes, whichever way it came in.
    group = f"trim({texts.pop('group')}, '/')"
    columns = {
        **texts,
        **{name: _number(name, alias, dialect) for name in DEVICE_NUMBERS},
        "name": _fact("value", "name", alias),
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
    marks = f"device_fact AS mark WHERE mark.device_id = {alias}.id AND mark.field = 'tags'"
    return {**plain, "tags": Related(marks, "mark.value")}


def shown_columns(alias: str, dialect: Dialect) -> Mapping[str, str]:
    """Return the expressions of a device's fields as they were written, for columns of a table."""
    named = {
        name: f"coalesce({_tagged(name, alias)}, {_reported(name, alias, dialect, Kind.TEXT)})"
        for name in _REPORTED_TEXTS
        if name not in _NATIVE
    }
    numbers = {
        name: f"coalesce({_fact('value', name, alias)}, CAST({number} AS TEXT))"
        for name in DEVICE_NUMBERS
        if (number := _reported(name, alias, dialect, Kind.NUMBER))
    }
    folded = device_columns(alias, dialect)
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


def finder(node: Node, parameters: Parameters) -> str | None:
    """Return SQL of the ids of devices, by an index: at least all those that match ``node``.

    None where no index helps.
    """
    found = _find(node, parameters)
    return None if found is None else found[1]


def _find(node: Node, parameters: Parameters) -> tuple[int, str] | None:
    match node:
        case Compare(_, Operator.EQUAL | Operator.STARTS_WITH, str()):
            return _find_text(node, parameters)
        case And(parts):
            ranked = [found for part in parts if (found := _find(part, parameters))]
            return min(ranked, default=None)
        case Or(parts):
            each = [found for part in parts if (found := _find(part, parameters))]
            return _union(each) if len(each) == len(parts) else None
        case _:
            return None


def _union(each: list[tuple[int, str]]) -> tuple[int, str]:
    return max(rank for rank, _ in each), " UNION ".join(sql for _, sql in each)


_SIDES: Final = {GROUP_STARTS: "group"}
_FOUND: Final = frozenset({*_REPORTED_TEXTS, "name", "tags", "device_id"}) - {
    "description",
    "health_status",
}


def _find_text(node: Compare, parameters: Parameters) -> tuple[int, str] | None:
    field = _SIDES.get(node.field, node.field)
    value = str(node.value)
    if node.field == GROUP_STARTS:
        value = value.removesuffix("/")
    if field not in _FOUND or not value:
        return None
    equal = node.operator is Operator.EQUAL
    if field == "device_id":
        # The parts of this text are the program's own.
        test = _test("device.id", value, parameters, equal=equal)
        return 0, f"SELECT device.id FROM device WHERE {test}"  # noqa: S608
    facts = _test("fact.value", value, parameters, equal=equal)
    found = (
        f"SELECT fact.device_id FROM device_fact AS fact WHERE fact.field = '{field}'"  # noqa: S608
        f" AND {facts}"
    )
    if field not in ("name", "tags"):
        found += (
            " UNION SELECT last.device_id FROM device_last AS last"  # noqa: S608
            f" WHERE last.attribute = '{field}'"
        )
    return (1 if equal else 2), found


def _test(column: str, value: str, parameters: Parameters, *, equal: bool) -> str:
    if equal:
        return f"{column} = {parameters.value(value)}"
    following = _following(value)
    least = f"{column} >= {parameters.value(value)}"
    return least if following is None else f"{least} AND {column} < {parameters.value(following)}"


def _following(prefix: str) -> str | None:
    """Return the least text after all that start so; None when there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if code == _FIRST_SURROGATE else code)


def _text(name: str, alias: str, dialect: Dialect) -> str:
    return f"coalesce({_fact('value', name, alias)}, {_folded_report(name, alias, dialect)})"


def _folded_report(name: str, alias: str, dialect: Dialect) -> str:
    """Return the last report of a text, folded within its own subquery: it is rarely there."""
    value = dialect.json_value("last.value", dialect.path_literal(()), Kind.TEXT)
    return (
        f"(SELECT {dialect.fold(f'({value})')} FROM device_last AS last"  # noqa: S608
        f" WHERE last.device_id = {alias}.id AND last.attribute = '{name}')"
    )


def _number(name: str, alias: str, dialect: Dialect) -> str:
    reported = _reported(name, alias, dialect, Kind.NUMBER)
    return f"coalesce({_fact('number', name, alias)}, {reported})"


def _fact(column: str, name: str, alias: str) -> str:
    return (
        f"(SELECT fact.{column} FROM device_fact AS fact"  # noqa: S608
        f" WHERE fact.device_id = {alias}.id AND fact.field = '{name}')"
    )


def _tagged(name: str, alias: str) -> str:
    return (
        f"(SELECT min(tag.value) FROM device_tag AS tag"  # noqa: S608
        f" WHERE tag.device_id = {alias}.id AND tag.key = '{name}')"
    )


def _reported(name: str, alias: str, dialect: Dialect, kind: Kind) -> str:
    value = dialect.json_value("last.value", dialect.path_literal(()), kind)
    return (
        f"(SELECT {value} FROM device_last AS last"  # noqa: S608
        f" WHERE last.device_id = {alias}.id AND last.attribute = '{name}')"
    )


def _when(alias: str, sql: str) -> str:
    """Return ``sql`` where there is a device, else NULL."""
    return f"CASE WHEN {alias}.id IS NOT NULL THEN {sql} END"
