"""A small store of things on each database, for the tests of the drivers."""

from drover.store.migrate import Migration
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from drover.store.statements import Statement

ENDLESS = (
    "WITH RECURSIVE endless (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM endless)"
    " SELECT max(number) FROM (SELECT number FROM endless LIMIT 1000000000000) AS first"
)
"""A read that comes to no end within a day."""

SCHEMA = """
CREATE TABLE thing (
    id    TEXT NOT NULL PRIMARY KEY,
    size  BIGINT CHECK (size >= 0),
    owner TEXT REFERENCES thing (id)
);
CREATE TABLE letter (id TEXT NOT NULL, content TEXT NOT NULL);
"""
MIGRATIONS = (Migration(1, "things", SCHEMA),)
COMMON = {
    "add": "INSERT INTO thing (id, size) VALUES (:id, :size)",
    "add_owned": "INSERT INTO thing (id, owner) VALUES (:id, :owner)",
    "add_returning": "INSERT INTO thing (id, size) VALUES (:id, :size) RETURNING id, size",
    "take": "UPDATE thing SET owner = :owner WHERE id = :id AND owner IS NULL",
    "grow": "UPDATE thing SET size = size + 1",
    "remove": "DELETE FROM thing WHERE id = :id",
    "one": "SELECT id, size, owner FROM thing WHERE id = :id",
    "every": "SELECT id, size FROM thing ORDER BY id",
    "count": "SELECT count(*) AS found FROM thing",
    "typo": "SELECT nothing FROM thing",
    "echo": "SELECT CAST(:text AS TEXT) AS text",
    "letters": "SELECT id, content FROM letter",
    "letters_backwards": "SELECT id, content FROM letter ORDER BY id DESC",
}
LISTED = {
    "sqlite": "SELECT id FROM thing WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
    "postgres": "SELECT id FROM thing WHERE id = ANY(:ids::text[]) ORDER BY id",
}
BYTES = {"sqlite": "SELECT :data AS data", "postgres": "SELECT :data::bytea AS data"}


def statements(dialect):
    texts = COMMON | {"listed": LISTED[dialect], "bytes": BYTES[dialect]}
    return {name: Statement(name, "For a test.", sql, "test") for name, sql in texts.items()}


def sqlite_at(path):
    return SqliteDatabase(path, statements=statements("sqlite"), migrations=MIGRATIONS)


def postgres_at(url):
    return PostgresDatabase(url, statements=statements("postgres"), migrations=MIGRATIONS)


MAKE = {"sqlite": sqlite_at, "postgres": postgres_at}


def adding(name, size=1):
    async def work(tx):
        return await tx.execute("add", {"id": name, "size": size})

    return work


async def ids(database):
    return [row["id"] for row in await database.fetch("every")]
