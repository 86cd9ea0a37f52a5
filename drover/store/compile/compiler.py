"""The walk over a query tree that builds its SQL."""

from __future__ import annotations

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
    Leaf,
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
from drover.store.compile.fragments import FALSE, TRUE, Fragment, Tightness, join, negated
from drover.store.compile.parameters import kind_of
from drover.store.compile.reach import (
    Reached,
    reach_elements,
    reach_presence,
    reach_tags,
    reach_value,
)

if TYPE_CHECKING:
    from drover.store.compile.columns import Column, ColumnMap, Lookup
    from drover.store.compile.parameters import Parameters

_DEFINITE: Final = frozenset({Choice.EQUAL, Choice.IN})
_SIGNS: Final = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
}


class Compiler:
    """Builds one condition; ``parameters`` fill as it goes."""

    def __init__(self, columns: ColumnMap, parameters: Parameters, *, row_by_row: bool) -> None:
        self._columns = columns
        self._dialect = parameters.dialect
        self._row_by_row = row_by_row
        self.parameters = parameters

    def condition(self, node: Node, *, wanted: bool = True) -> Fragment:
        """Return the condition that ``node`` matches or, if not ``wanted``, does not match.

        Negation is carried down to the leaves: the SQL nests less, and ``NOT EXISTS`` stands
        where a planner can use it.
        """
        match node:
            case All() | Nothing():
                return TRUE if isinstance(node, All) is wanted else FALSE
            case And(parts) | Or(parts):
                tightness = Tightness.AND if isinstance(node, And) is wanted else Tightness.OR
                return join([self.condition(part, wanted=wanted) for part in parts], tightness)
            case Not(part):
                return self.condition(part, wanted=not wanted)
            case _:
                leaf = self._leaf(node, self._columns[node.field])
                return leaf if wanted else negated(leaf)

    def _leaf(self, node: Leaf, column: Column) -> Fragment:
        match node:
            case Missing():
                return self._missing(column)
            case Compare():
                return self._comparison(column, node)
            case In():
                return self._membership(column, node) if node.values else FALSE
            case TagMatch():
                return self._tag_match(column, node)
            case _:
                return self._element_match(column, node)

    def _missing(self, column: Column) -> Fragment:
        reached = reach_presence(column, self._dialect, self.parameters)
        if reached.source is not None:
            return negated(_exists(reached.source, "TRUE"))
        return Fragment(f"{reached.sql} IS NULL", certain=True)

    def _comparison(self, column: Column, node: Compare) -> Fragment:
        reached = reach_value(column, node.value, self._dialect, self.parameters)
        indexed = node.operator is Operator.EQUAL and not node.fold
        return self._any_row(reached, self._compare(reached, node), indexed=indexed)

    def _membership(self, column: Column, node: In) -> Fragment:
        reached = reach_value(column, node.values[0], self._dialect, self.parameters)
        return self._any_row(reached, self._in(reached, node), indexed=not node.fold)

    def _any_row(self, reached: Reached, test: str, *, indexed: bool) -> Fragment:
        """Return ``test`` of one value, or that it holds in a row, which an index may tell."""
        if reached.source is None:
            return Fragment(test)
        return self._found(reached.source, reached.lookup if indexed else None, test)

    def _found(self, source: str, lookup: Lookup | None, test: str) -> Fragment:
        if lookup is None or self._row_by_row:
            return _exists(source, test)
        rows = f"SELECT {lookup.element} FROM {lookup.source} AND {test}"  # noqa: S608 - made of SQL
        return Fragment(f"{lookup.owner} IN ({rows})", certain=True)

    def _compare(self, reached: Reached, node: Compare) -> str:
        value = _stored(node.value, reached)
        if node.operator is Operator.GLOB and isinstance(value, str):
            operand = self.parameters.value(self._dialect.bind_glob(value))
            return self._dialect.text_test(node.operator, self._folded(reached), operand)
        sql = reached.sql
        if node.fold and isinstance(value, str):
            sql, value = self._folded(reached), fold(value)
        operand = self.parameters.value(value)
        if node.operator in TEXT_OPERATORS:
            return self._dialect.text_test(node.operator, sql, operand)
        if node.operator is not Operator.EQUAL and isinstance(value, str):
            sql = self._dialect.in_order(sql)
        return f"{sql} {_SIGNS[node.operator]} {operand}"

    def _in(self, reached: Reached, node: In) -> str:
        if node.fold and isinstance(node.values[0], str):
            folded = [fold(str(value)) for value in node.values]
            return self.parameters.membership(self._folded(reached), folded)
        stored = [_stored(value, reached) for value in node.values]
        return self.parameters.membership(reached.sql, stored)

    def _folded(self, reached: Reached) -> str:
        return reached.folded or self.parameters.folded(reached.sql)

    def _tag_match(self, column: Column, node: TagMatch) -> Fragment:
        tags = reach_tags(column, self._dialect)
        tests = [self._text_test(tags.key, node.key), self._text_test(tags.value, node.value)]
        lookup = tags.lookup if node.key.choice in _DEFINITE else None
        return self._found(tags.source, lookup, " AND ".join(tests))

    def _text_test(self, text: str, test: TextTest) -> str:
        match test.choice:
            case Choice.ANY:
                return "TRUE"
            case Choice.EQUAL:
                return f"{text} = {self.parameters.value(test.values[0])}"
            case Choice.IN:
                return self.parameters.membership(text, test.values)
            case _:
                return f"({self.parameters.membership(text, test.values)}) IS NOT TRUE"

    def _element_match(self, column: Column, node: ElementMatch) -> Fragment:
        source, element = reach_elements(column, self._dialect)
        return _exists(source, " AND ".join(self._has(element, member) for member in node.members))

    def _has(self, element: str, member: Member) -> str:
        at = self.parameters.path(member.path)
        if member.value is None:
            return f"{self._dialect.json_raw(element, at)} IS NULL"
        value = self._dialect.json_value(element, at, kind_of(member.value))
        return f"{value} = {self.parameters.value(member.value)}"


def _stored(value: Value, reached: Reached) -> str | float:
    """Return ``value`` as the rows hold it."""
    if isinstance(value, Instant):
        return to_text(value.ms) if reached.in_document else value.ms
    return int(value) if isinstance(value, bool) and not reached.in_document else value


def _exists(source: str, test: str) -> Fragment:
    return Fragment(f"EXISTS (SELECT 1 FROM {source} AND {test})", certain=True)  # noqa: S608 - SQL
