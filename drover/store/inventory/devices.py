"""Where the inventory's fields of a device lie.

A field comes from ``device_fact``, which repeats names and tags folded, else from the last report
of that name. ``alias`` is what the statement calls the device's row, which may be all NULL, and
``key`` the expression of its id: fields that are not in the row itself are reached without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.query.digi.fields import (
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
)
from drover.store.compile.columns import Column, Plain, Related
from drover.store.compile.dialect import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.store.compile.columns import ColumnMap
    from drover.store.compile.dialect import Dialect

REPORTED_TEXTS: Final = (*DEVICE_TEXTS, "health_status", "restricted_status", "group")
"""Texts that devices report, or have as tags."""
_NATIVE: Final = frozenset({"name", "description", "device_id"})


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
    texts = {name: _text(name, key, dialect) for name in REPORTED_TEXTS}
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
        for name in REPORTED_TEXTS
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
