"""One query means the same in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings

from drover.query.evaluate import predicate
from drover.query.fold import fold
from drover.query.tree import And, Compare, Missing, Not, Operator, Or
from drover.store.compile import compile_query, register_functions
from drover.store.statements import positional
from tests.property.query_world import COLUMNS, TABLES, document_of, make_rows, trees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.query.tree import Node

ROWS = make_rows(120, Random(20260101))
BY_ID = {row["id"]: row for row in ROWS}
_THINGS = [
    (
        row["id"],
        row["name"],
        None if row["name"] is None else fold(row["name"]),
        row["amount"],
        row["number"],
        None if row["flag"] is None else int(row["flag"]),
        row["seenAt"],
        document_of(row),
    )
    for row in ROWS
]
_TAGS = [(row["id"], tag["key"], tag["value"]) for row in ROWS for tag in row["tags"]]
_RELATED = [(row["id"], name) for row in ROWS for name in row["related"]]
_BATCHES = (("thing", _THINGS), ("thing_tag", _TAGS), ("thing_related", _RELATED))
_unhurried = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def sqlite_rows() -> Iterator[sqlite3.Connection]:
    """A SQLite database that holds the rows."""
    connection = sqlite3.connect(":memory:")
    register_functions(connection)
    connection.executescript(TABLES)
    for table, rows in _BATCHES:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - own names
    yield connection
    connection.close()


class PostgresRows:
    """A PostgreSQL database that holds the rows, on a loop of its own."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection[Any] = self._runner.run(asyncpg.connect(url))
        self._runner.run(self._fill())

    def ids(self, sql: str, params: dict[str, object]) -> set[str]:
        text, names = positional(f"SELECT id FROM thing WHERE {sql}")  # noqa: S608 - under test
        arguments = [params[name] for name in names]
        found = self._runner.run(self._connection.fetch(text, *arguments))
        return {record["id"] for record in found}

    def close(self) -> None:
        self._runner.run(self._connection.execute("DROP SCHEMA query_world CASCADE"))
        self._runner.run(self._connection.close())
        self._runner.close()

    async def _fill(self) -> None:
        await self._connection.execute("DROP SCHEMA IF EXISTS query_world CASCADE")
        await self._connection.execute("CREATE SCHEMA query_world; SET search_path TO query_world")
        await self._connection.execute(TABLES)
        for table, rows in _BATCHES:
            await self._connection.copy_records_to_table(table, records=rows)


@pytest.fixture(scope="module")
def postgres_rows(postgres_server: str) -> Iterator[PostgresRows]:
    """A PostgreSQL database that holds the rows."""
    rows = PostgresRows(postgres_server)
    yield rows
    rows.close()


def in_memory(tree: Node) -> set[str]:
    test = predicate(tree)
    return {row["id"] for row in ROWS if test(row)}


def in_sqlite(connection: sqlite3.Connection, tree: Node) -> set[str]:
    compiled = compile_query(tree, COLUMNS, "sqlite")
    sql = f"SELECT id FROM thing WHERE {compiled.sql}"  # noqa: S608 - under test
    return {row[0] for row in connection.execute(sql, compiled.params)}


@given(tree=trees)
@_unhurried
def test_sqlite_selects_the_rows_that_evaluation_selects(
    sqlite_rows: sqlite3.Connection, tree: Node
) -> None:
    expected = in_memory(tree)

    assert in_sqlite(sqlite_rows, tree) == expected


@given(tree=trees)
@_unhurried
def test_postgres_selects_the_rows_that_evaluation_selects(
    postgres_rows: PostgresRows, tree: Node
) -> None:
    expected = in_memory(tree)

    compiled = compile_query(tree, COLUMNS, "postgres")

    assert postgres_rows.ids(compiled.sql, dict(compiled.params)) == expected


def test_postgres_takes_the_deepest_and_the_widest_query(postgres_rows: PostgresRows) -> None:
    wide = Or(tuple(Compare("name", Operator.EQUAL, f"{n}", fold=True) for n in range(1000)))
    tree: Node = wide
    for level in range(64):
        combination = And if level % 2 else Or
        tree = Not(combination((tree, Missing("name"))))

    compiled = compile_query(tree, COLUMNS, "postgres")

    assert postgres_rows.ids(compiled.sql, dict(compiled.params)) == in_memory(tree)
