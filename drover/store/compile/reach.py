"""From a column to the SQL of what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.query.tree import Instant, Value
from drover.store.compile.columns import (
    Column,
    JsonColumn,
    JsonEach,
    JsonElements,
    JsonField,
    JsonList,
    JsonPath,
    JsonTagList,
    JsonTagMap,
    Lookup,
    Plain,
    Related,
    TagRows,
)
from drover.store.compile.parameters import Parameters, kind_of

if TYPE_CHECKING:
    from drover.store.compile.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Reached:
    """A value in SQL; with a ``source``, one for each row of it.

    Columns hold dates and booleans as numbers; documents hold dates as text, booleans as such.
    """

    sql: str
    source: str | None = None
    lookup: Lookup | None = None
    folded: str | None = None
    in_document: bool = False


@dataclass(frozen=True, slots=True)
class ReachedTags:
    """A key and a value in SQL, for each row of a source."""

    source: str
    key: str
    value: str
    lookup: Lookup | None = None


def reach_value(column: Column, sample: Value, dialect: Dialect, parameters: Parameters) -> Reached:
    """Return the value of a column, or its values, to hold against one like ``sample``."""
    match column:
        case Plain(sql, folded):
            return Reached(sql, folded=folded)
        case Related(source, element, lookup):
            return Reached(element, source, lookup)
        case JsonField(document, path):
            return Reached(_typed(document, path, sample, dialect), in_document=True)
        case JsonColumn() | JsonPath():
            path = (column.name,) if isinstance(column, JsonColumn) else column.path
            return Reached(_member(column.document, path, sample, parameters), in_document=True)
        case JsonEach(document, path):
            source, element = dialect.json_objects(document, dialect.path_literal(()), "element")
            return Reached(_member(element, path, sample, parameters), source, in_document=True)
        case JsonList(document, path):
            source, element = dialect.json_list(document, dialect.path_literal(path), "element")
            return Reached(element, source, in_document=True)
        case _:
            raise TypeError(f"{column} holds objects, not values")


def reach_tags(column: Column, dialect: Dialect) -> ReachedTags:
    """Return the tags of a column."""
    match column:
        case TagRows(source, key, value, lookup):
            return ReachedTags(source, key, value, lookup)
        case JsonTagMap(document, path):
            return ReachedTags(*dialect.json_pairs(document, dialect.path_literal(path), "tag"))
        case JsonTagList(document, path):
            source, tag = dialect.json_objects(document, dialect.path_literal(path), "tag")
            key = dialect.json_raw(tag, dialect.path_literal(("key",)))
            value = dialect.json_raw(tag, dialect.path_literal(("value",)))
            return ReachedTags(source, key, value)
        case _:
            raise TypeError(f"{column} holds no tags")


def reach_elements(column: Column, dialect: Dialect) -> tuple[str, str]:
    """Return the source of a column's objects, and the expression of one."""
    if not isinstance(column, JsonElements):
        raise TypeError(f"{column} holds no objects")
    return dialect.json_objects(column.document, dialect.path_literal(column.path), "element")


def reach_presence(column: Column, dialect: Dialect, parameters: Parameters) -> Reached:
    """Return an expression that is NULL when a column has no value, or a source then empty."""
    match column:
        case Plain(sql):
            return Reached(sql)
        case JsonField(document, path):
            return Reached(dialect.json_raw(document, dialect.path_literal(path)))
        case JsonColumn() | JsonPath():
            path = (column.name,) if isinstance(column, JsonColumn) else column.path
            return Reached(dialect.json_raw(column.document, parameters.path(path)))
        case JsonEach(document, path):
            source, element = dialect.json_objects(document, dialect.path_literal(()), "element")
            member = dialect.json_raw(element, parameters.path(path))
            return Reached("", f"{source} AND {member} IS NOT NULL")
        case _:
            return Reached("", _source(column, dialect))


def _source(
    column: Related | TagRows | JsonList | JsonElements | JsonTagMap | JsonTagList, dialect: Dialect
) -> str:
    if isinstance(column, Related | TagRows):
        return column.source
    at = dialect.path_literal(column.path)
    if isinstance(column, JsonTagMap):
        return dialect.json_pairs(column.document, at, "tag")[0]
    return dialect.json_list(column.document, at, "element")[0]


def _typed(document: str, path: tuple[str, ...], sample: Value, dialect: Dialect) -> str:
    at = dialect.path_literal(path)
    if isinstance(sample, str | Instant):
        return dialect.json_raw(document, at)
    return dialect.json_value(document, at, kind_of(sample))


def _member(document: str, path: tuple[str, ...], sample: Value, parameters: Parameters) -> str:
    kind = kind_of(_in_document(sample))
    return parameters.dialect.json_value(document, parameters.path(path), kind)


def _in_document(sample: Value) -> str | float:
    return "" if isinstance(sample, Instant) else sample
