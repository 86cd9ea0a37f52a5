"""Every named statement can be prepared by the database it is written for."""

import sqlite3

import asyncpg
import pytest

from drover.store.compile import register_functions
from drover.store.statements import load, positional

SQLITE = load("sqlite")
POSTGRES = load("postgres")


def names(statements):
    return sorted(statements)


@pytest.fixture
def sqlite_connection(sqlite_database, tmp_path):
    connection = sqlite3.connect(tmp_path / "drover.sqlite")
    register_functions(connection)
    yield connection
    connection.close()


async def test_every_statement_is_understood_by_sqlite(sqlite_connection):
    flawed = {}
    for statement in SQLITE.values():
        params = dict.fromkeys(statement.parameters)
        try:
            sqlite_connection.execute(f"EXPLAIN {statement.sql}", params)
        except sqlite3.Error as error:
            flawed[f"{statement.source}: {statement.name}"] = str(error)

    assert flawed == {}


async def test_every_statement_is_understood_by_postgres(postgres_url):
    connection = await asyncpg.connect(postgres_url)
    flawed = {}
    for statement in POSTGRES.values():
        try:
            await connection.prepare(positional(statement.sql)[0])
        except asyncpg.PostgresError as error:
            flawed[f"{statement.source}: {statement.name}"] = str(error)
    await connection.close()

    assert flawed == {}


async def test_both_databases_have_the_same_statements():
    only = {
        name
        for name in SQLITE.keys() ^ POSTGRES.keys()
        if not name.startswith(("sqlite_", "postgres_"))
    }

    assert only == set(), "name what one database alone needs sqlite_... or postgres_..."


async def test_both_databases_return_the_same_columns(sqlite_connection, postgres_url):
    connection = await asyncpg.connect(postgres_url)
    differing = {}
    for name in SQLITE.keys() & POSTGRES.keys():
        prepared = await connection.prepare(positional(POSTGRES[name].sql)[0])
        theirs = [attribute.name for attribute in prepared.get_attributes()]
        ours = columns_of(sqlite_connection, SQLITE[name])
        if ours is not None and theirs != ours:
            differing[name] = (ours, theirs)
    await connection.close()

    assert differing == {}


def columns_of(connection, statement):
    """The columns a statement returns; it is run with nulls and undone, as SQLite tells it only then."""
    connection.execute("BEGIN")
    try:
        cursor = connection.execute(statement.sql, dict.fromkeys(statement.parameters))
        return [column[0] for column in cursor.description or ()]
    except sqlite3.IntegrityError:  # nulls break a rule, so what it would return is not told
        return None
    finally:
        connection.rollback()
