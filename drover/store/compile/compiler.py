"""The walk over a query tree that builds its SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.model.instants import to_text
from drover.query.fold import fold
from drover.query.tree import (
    TEXT_OPERATORS,
    All,
    And,
    Choice,
    Compare,
    ElementMatch,
    In,
    Instant,
    Member,
    Missing,
    Node,
    Not,
    Nothing,
    Operator,
    Or,
    TagMatch,
    TextTest,
    Value,
)
from drover.store.compile.columns import (
    Column,
    ColumnMap,
    JsonColumn,
    JsonElements,
    JsonField,
    JsonList,
    JsonTagList,
    JsonTagMap,
    Plain,
    Related,
    TagRows,
    check_path,
)
from drover.store.compile.dialect import Dialect, Kind
from drover.store.compile.fragments import FALSE, TRUE, Fragment, Tightness, join, negated

if TYPE_CHECKING:
    from collections.abc import Callable

_SIGNS: Final = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
}


@dataclass(frozen=True, slots=True)
class _Scalar:
    """One value in SQL; a column holds dates and booleans as numbers, a document does not."""

    sql: str
    folded: str | None = None
    in_document: bool = False


class Compiler:
    """Builds one condition; ``params`` fills as it goes."""

    def __init__(self, columns: ColumnMap, dialect: Dialect, prefix: str) -> None:
        self._columns = columns
        self._dialect = dialect
        self._prefix = prefix
        self.params: dict[str, object] = {}

    def condition(self, node: Node) -> Fragment:
        """Return the condition of ``node``."""
        match node:
            case All():
                return TRUE
            case Nothing():
                return FALSE
            case And(parts):
                return join([self.condition(part) for part in parts], Tightness.AND)
            case Or(parts):
                return join([self.condition(part) for part in parts], Tightness.OR)
            case Not(part):
                return negated(self.condition(part))
            case _:
                return self._leaf(node)

    def _leaf(self, node: Missing | Compare | In | TagMatch | ElementMatch) -> Fragment:
        column = self._columns[node.field]
        match node:
            case Missing():
                return self._missing(column)
            case Compare():
                return self._any_value(column, node.value, lambda x: self._compare(x, node))
            case In():
                if not node.values:
                    return FALSE
                return self._any_value(column, node.values[0], lambda x: self._member(x, node))
            case TagMatch():
                return self._tag_match(column, node)
            case ElementMatch():
                return self._element_match(column, node)

    # One value ---------------------------------------------------------------------------------

    def _any_value(self, column: Column, sample: Value, test: Callable[[_Scalar], str]) -> Fragment:
        match column:
            case Plain(sql, folded):
                return Fragment(test(_Scalar(sql, folded)))
            case JsonField(document, path):
                return Fragment(test(self._json_field(document, path, sample)))
            case JsonColumn(document, name):
                at = self._bind_path((name,))
                value = self._dialect.json_value(document, at, _kind(sample))
                return Fragment(test(_Scalar(value, in_document=True)))
            case Related(source, element):
                return _exists(source, test(_Scalar(element)))
            case JsonList(document, path):
                at = self._dialect.path_literal(path)
                source, element = self._dialect.json_list(document, at, "element")
                return _exists(source, test(_Scalar(element)))
            case _:
                raise TypeError(f"{column} holds objects, not values")

    def _json_field(self, document: str, path: tuple[str, ...], sample: Value) -> _Scalar:
        at = self._dialect.path_literal(path)
        if isinstance(sample, str | Instant):
            return _Scalar(self._dialect.json_raw(document, at), in_document=True)
        return _Scalar(self._dialect.json_value(document, at, _kind(sample)), in_document=True)

    def _compare(self, scalar: _Scalar, node: Compare) -> str:
        value = self._bound(scalar, node.value)
        if node.operator is Operator.GLOB:
            operand = self._bind(self._dialect.bind_glob(str(value)), Kind.TEXT)
            return self._dialect.text_test(node.operator, self._fold(scalar), operand)
        text = scalar.sql
        if node.fold and isinstance(value, str):
            text, value = self._fold(scalar), fold(value)
        operand = self._bind(value, _kind(value))
        if node.operator in TEXT_OPERATORS:
            return self._dialect.text_test(node.operator, text, operand)
        if node.operator is not Operator.EQUAL and isinstance(value, str):
            text = self._dialect.in_order(text)
        return f"{text} {_SIGNS[node.operator]} {operand}"

    def _member(self, scalar: _Scalar, node: In) -> str:
        values = [self._bound(scalar, value) for value in node.values]
        kind = _kind(values[0])
        if node.fold and kind is Kind.TEXT:
            folded = [fold(str(value)) for value in values]
            return self._listed(self._fold(scalar), folded, kind)
        return self._listed(scalar.sql, values, kind)

    def _bound(self, scalar: _Scalar, value: Value) -> str | bool | float:
        if isinstance(value, Instant):
            return to_text(value.ms) if scalar.in_document else value.ms
        return int(value) if isinstance(value, bool) and not scalar.in_document else value

    def _fold(self, scalar: _Scalar) -> str:
        if scalar.folded is not None:
            return scalar.folded
        self.params.update(self._dialect.fold_parameters)
        return self._dialect.fold(scalar.sql)

    def _missing(self, column: Column) -> Fragment:
        match column:
            case Plain(sql):
                return Fragment(f"{sql} IS NULL", certain=True)
            case JsonField(document, path):
                at = self._dialect.path_literal(path)
            case JsonColumn(document, name):
                at = self._bind_path((name,))
            case _:
                return negated(_exists(self._source(column), "TRUE"))
        return Fragment(f"{self._dialect.json_raw(document, at)} IS NULL", certain=True)

    def _source(
        self, column: Related | JsonList | JsonElements | TagRows | JsonTagMap | JsonTagList
    ) -> str:
        match column:
            case Related(source) | TagRows(source):
                return source
            case JsonTagMap(document, path):
                return self._dialect.json_pairs(document, self._dialect.path_literal(path), "tag")[
                    0
                ]
            case (
                JsonList(document, path)
                | JsonElements(document, path)
                | JsonTagList(document, path)
            ):
                return self._dialect.json_list(
                    document, self._dialect.path_literal(path), "element"
                )[0]

    # Tags and elements -------------------------------------------------------------------------

    def _tag_match(self, column: Column, node: TagMatch) -> Fragment:
        source, key, value = self._tags(column)
        tests = [self._text_test(key, node.key), self._text_test(value, node.value)]
        return _exists(source, " AND ".join(test for test in tests if test) or "TRUE")

    def _tags(self, column: Column) -> tuple[str, str, str]:
        match column:
            case TagRows(source, key, value):
                return source, key, value
            case JsonTagMap(document, path):
                return self._dialect.json_pairs(document, self._dialect.path_literal(path), "tag")
            case JsonTagList(document, path):
                at = self._dialect.path_literal(path)
                source, tag = self._dialect.json_objects(document, at, "tag")
                key, value = (
                    self._dialect.json_raw(tag, self._dialect.path_literal((name,)))
                    for name in ("key", "value")
                )
                return source, key, value
            case _:
                raise TypeError(f"{column} holds no tags")

    def _text_test(self, text: str, test: TextTest) -> str:
        match test.choice:
            case Choice.ANY:
                return ""
            case Choice.EQUAL:
                return f"{text} = {self._bind(test.values[0], Kind.TEXT)}"
            case Choice.IN:
                return self._listed(text, test.values, Kind.TEXT)
            case Choice.NOT_IN:
                return f"({self._listed(text, test.values, Kind.TEXT)}) IS NOT TRUE"

    def _element_match(self, column: Column, node: ElementMatch) -> Fragment:
        if not isinstance(column, JsonElements):
            raise TypeError(f"{column} holds no objects")
        at = self._dialect.path_literal(column.path)
        source, element = self._dialect.json_objects(column.document, at, "element")
        return _exists(
            source, " AND ".join(self._member_test(element, one) for one in node.members)
        )

    def _member_test(self, element: str, member: Member) -> str:
        check_path(member.path)
        at = self._bind_path(member.path)
        if member.value is None:
            return f"{self._dialect.json_raw(element, at)} IS NULL"
        kind = _kind(member.value)
        value = self._dialect.json_value(element, at, kind)
        return f"{value} = {self._bind(member.value, kind)}"

    # Parameters --------------------------------------------------------------------------------

    def _bind(self, value: object, kind: Kind) -> str:
        return self._dialect.parameter(self._named(value), kind)

    def _listed(
        self, text: str, values: list[str | bool | float] | list[str] | tuple[str, ...], kind: Kind
    ) -> str:
        return self._dialect.member(text, self._named(self._dialect.bind_list(values)), kind)

    def _bind_path(self, path: tuple[str, ...]) -> str:
        name = f"{self._prefix}{len(self.params)}"
        sql, self.params[name] = self._dialect.path_parameter(name, path)
        return sql

    def _named(self, value: object) -> str:
        name = f"{self._prefix}{len(self.params)}"
        self.params[name] = value
        return name


def _exists(source: str, test: str) -> Fragment:
    return Fragment(f"EXISTS (SELECT 1 FROM {source} AND {test})", certain=True)  # noqa: S608 - made of SQL


def _kind(value: Value) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int | Instant):
        return Kind.INTEGER
    return Kind.NUMBER if isinstance(value, float) else Kind.TEXT
