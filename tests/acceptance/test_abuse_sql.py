"""What a caller sends is a parameter of a statement: the text of the SQL does not depend on it."""

from __future__ import annotations

import json

import pytest
import requests

from drover.store.postgres_transaction import PostgresTransaction
from drover.store.sqlite_transaction import SqliteTransaction

TEXTS = [
    "plain",
    "'; DROP TABLE device; --",
    '" OR 1=1 --',
    ") UNION SELECT document FROM application --",
    ":application_id",
    "$1",
    "?",
    "%s",
    "é'\"\\",
]
COLLECTIONS = ["devices", "flows", "events", "resource-jobs", "experience/users", "data-tables"]


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """The texts of all statements that bring rows, in order, in whichever store."""
    seen: list[str] = []
    rows, call = SqliteTransaction._rows, PostgresTransaction._call

    def noting(self, sql, params):
        seen.append(sql)
        return rows(self, sql, params)

    def noting_calls(self, method, *values, **options):
        if method in {"fetch", "fetchrow", "cursor"}:
            seen.append(values[0])
        return call(self, method, *values, **options)

    monkeypatch.setattr(SqliteTransaction, "_rows", noting)
    monkeypatch.setattr(PostgresTransaction, "_call", noting_calls)
    return seen


def asked(server, statements, path, **params) -> tuple[str, ...]:
    """Return the statements that a request brings about; raises AssertionError on a refusal.

    It is made twice: the first of a shape may show that a read is more than one statement.
    """
    _ask(server, path, params)
    statements.clear()
    _ask(server, path, params)
    return tuple(statements)


def _ask(server, path, params) -> None:
    headers = {"Authorization": "Bearer mine"}
    answer = requests.get(f"{server.url}{path}", params=params, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_filter_changes_no_statement(resource_server, plant, statements, collection):
    path = f"/applications/{plant}/{collection}"
    field = {"events": "subject", "experience/users": "email"}.get(collection, "name")

    texts = {
        asked(resource_server, statements, path, filterField=field, filter=each) for each in TEXTS
    }

    assert len(texts) == 1
    assert all(texts)


@pytest.mark.parametrize(
    "query",
    [
        lambda text: {"name": text},
        lambda text: {"name": {"$in": [text, text]}},
        lambda text: {"name": {"$contains": text, "$ne": text}},
        lambda text: {"tags": {"$tagKey": text, "$tagValue": text}},
        lambda text: {
            "$or": [{"name": {"$startsWith": text}}, {"tags": {text.strip("$") or "k": text}}]
        },
    ],
)
def test_a_query_of_one_shape_is_one_statement(resource_server, plant, statements, query):
    path = f"/applications/{plant}/devices"

    texts = {
        asked(resource_server, statements, path, query=json.dumps(query(each))) for each in TEXTS
    }

    assert len(texts) == 1
    assert all(texts)
