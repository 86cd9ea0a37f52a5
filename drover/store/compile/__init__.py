"""Queries as SQL conditions with named parameters.

The SQL of a query is the same whatever values it is asked with: lists are one parameter however
long, names given by users are parameters too, and nothing of a request is ever part of the SQL.
What a condition means is said in ``drover.query.tree``; ``drover.query.evaluate`` agrees with the
SQL row by row, which tests hold on random trees and rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from drover.store.compile.compiler import Compiler
from drover.store.compile.parameters import Parameters
from drover.store.compile.postgres import Postgres
from drover.store.compile.sqlite import Sqlite, register_functions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.query.tree import Node
    from drover.store.compile.columns import ColumnMap
    from drover.store.compile.dialect import Dialect

__all__ = ["Compiled", "DialectName", "compile_query", "register_functions"]

DialectName = Literal["sqlite", "postgres"]

_DIALECTS: Final[Mapping[str, Dialect]] = {"sqlite": Sqlite(), "postgres": Postgres()}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A boolean SQL expression, safe to put after AND, and its parameters by name."""

    sql: str
    params: Mapping[str, object]


def compile_query(
    node: Node,
    columns: ColumnMap,
    dialect: DialectName,
    *,
    prefix: str = "p",
    row_by_row: bool = False,
) -> Compiled:
    """Return the condition that ``node`` asks of a row whose fields are reached by ``columns``.

    Parameters are named ``prefix`` and a number, and ``fold_from``, ``fold_to``: two queries in
    one statement need two prefixes. ``row_by_row`` makes no use of lookups, for a statement that
    walks the rows a chunk at a time and would look all of them up for every chunk. Raises KeyError
    for a field without a column.
    """
    compiler = Compiler(columns, Parameters(_DIALECTS[dialect], prefix), row_by_row=row_by_row)
    return Compiled(f"({compiler.condition(node).sql})", compiler.parameters.bound)
