"""What a caller sends is a parameter of a statement: the text of the SQL does not depend on it."""

from __future__ import annotations

import json

import pytest
import requests

from drover.store.postgres_transaction import PostgresTransaction
from drover.store.sqlite_transaction import SqliteTransaction

LONG = [
    "plain",
    "'; DROP TABLE device; --",
    '" OR 1=1 --',
    ") UNION SELECT document FROM application --",
    ":application_id",
    "é'\"\\",
]
SHORT = ["$1", "?", "%s"]
"""Too short for the index of parts of names, which is asked for the others first."""
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


@pytest.mark.parametrize("given", [LONG, SHORT])
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_filter_changes_no_statement(resource_server, plant, statements, collection, given):
    path = f"/applications/{plant}/{collection}"
    field = {"events": "subject", "experience/users": "email"}.get(collection, "name")

    texts = {
        asked(resource_server, statements, path, filterField=field, filter=each) for each in given
    }

    assert len(texts) == 1
    assert all(texts)


def test_a_part_of_names_that_devices_have_changes_no_statement(resource_server, plant, statements):
    path = f"/applications/{plant}/devices"
    headers = {"Authorization": "Bearer mine"}
    for each in LONG:
        body = {"name": f"a {each}"}
        made = requests.post(f"{resource_server.url}{path}", json=body, headers=headers, timeout=60)
        assert made.status_code == 201, made.text

    texts = {
        asked(resource_server, statements, path, query=json.dumps({"name": {"$contains": each}}))
        for each in LONG
    }

    assert len(texts) == 1
    assert all(texts)


@pytest.mark.parametrize("given", [LONG, SHORT])
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
def test_a_query_of_one_shape_is_one_statement(resource_server, plant, statements, query, given):
    path = f"/applications/{plant}/devices"

    texts = {
        asked(resource_server, statements, path, query=json.dumps(query(each))) for each in given
    }

    assert len(texts) == 1
    assert all(texts)
