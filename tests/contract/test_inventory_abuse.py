"""Bad input to the inventory: exact refusals, nothing changed, and SQL that no value gets into."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import pytest_asyncio

from drover.app.inventory_throttle import Allowance
from drover.ports.inventory import Order, Place, Reach, Wanted
from drover.query.digi import parse
from drover.query.digi.fields import SUBMITTER
from drover.query.tree import ALL, In, Missing, Not
from drover.store.inventory.hits import hits
from drover.store.inventory.plan import Plan
from drover.store.sqlite_transaction import SqliteTransaction
from tests.support.digi_server import ROOT, DigiServer, basic

BAD_QUERIES = [
    "nope = 1",
    "id = 1 or",
    "signal_percent contains '1'",
    "connection_status = 'online'",
    "last_connect > -1h",
    "name = 'x",
    "(" * 4000,
    "1 = 1",
    "id = 1; DROP TABLE execution",
    "id = 1 -- ",
    "name = '' or '1'='1'",
]
BULK = [
    ("PUT", "/cancel"),
    ("PUT", "/inventory/cancel"),
    ("DELETE", "/inventory"),
    ("DELETE", "/cancel"),
]


@pytest_asyncio.fixture
async def server(database):
    made = await DigiServer(database).begin()
    yield made
    await made.close()


async def test_a_bulk_verb_without_a_sound_query_changes_nothing(server):
    numbers = [
        await server.job(),
        await server.job(state="queued"),
        await server.job(state="running"),
    ]

    for method, path in BULK:
        for query in (None, "", "   ", *BAD_QUERIES):
            given = {} if query is None else {"query": query}
            answer = await server.ask(method, path, **given)
            assert answer.status_code == 400, (method, path, query)
            assert answer.json()["error_status"] == 400
        long = await server.ask(method, path, query="x" * 8193)
        assert (long.status_code, long.json()["error_status"]) == (413, 413)
        twice = await server.client.request(
            method, f"{ROOT}{path}?query=id>0&query=", headers=basic()
        )
        assert twice.status_code == 400

    jobs = (await server.get())["list"]
    assert [job["id"] for job in jobs] == numbers[::-1]
    assert [job["status"] for job in jobs] == ["in_progress", "new", "complete"]


async def test_a_bad_query_is_told_with_its_text_and_position(server):
    answer = await server.ask("GET", "/inventory", query="id = 1 and health_status = 'bad'")

    assert answer.json() == {
        "error_status": 400,
        "error_message": "Invalid query: invalid value 'bad' for field 'health_status'"
        " (allowed: normal, warning, error, unknown) at position 27",
        "error_context": {"query": "id = 1 and health_status = 'bad'", "position": 27},
    }


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/inventory", {"size": "0"}),
        ("/inventory", {"size": "-1"}),
        ("/inventory", {"size": "ten"}),
        ("/inventory", {"size": ""}),
        ("/inventory", {"size": "1.0"}),
        ("/inventory", {"size": "\u0663"}),
        ("/inventory", {"size": "1 0"}),
        ("/inventory", {"orderby": "nope"}),
        ("/inventory", {"orderby": "id sideways"}),
        ("/inventory", {"orderby": "id, name"}),
        ("/inventory", {"orderby": "id asc, name"}),
        ("/inventory", {"orderby": "id; DROP TABLE execution"}),
        ("/inventory", {"orderby": "execution.number"}),
        ("/inventory", {"cursor": "nonsense"}),
        ("/inventory", {"cursor": "\u00e9"}),
        ("/inventory", {"cursor": "AAAA"}),
        ("/inventory", {"cursor": "A" * 4000}),
        ("/inventory", {"total": "maybe"}),
        ("/inventory.xml", {"size": "0"}),
        ("/bulk", {"fields": "id,nope"}),
        ("/bulk", {"fields": "id,,name"}),
        ("/bulk", {"fields": "id) FROM execution --"}),
        ("/bulk", {"orderby": "nope"}),
        ("/bulk", {"query": "nope"}),
        ("/bulk", {"raw": "maybe"}),
    ],
)
async def test_a_parameter_that_does_not_hold_is_refused(server, path, parameters):
    answer = await server.ask("GET", path, **parameters)

    assert answer.status_code == 400
    if path.endswith(".xml"):
        root = ET.fromstring(answer.content)
        assert (root.tag, root.findtext("error_status")) == ("error", "400")
        assert root.findtext("error_message")
    else:
        assert answer.json()["error_status"] == 400
        assert answer.json()["error_message"]


async def test_a_cursor_serves_its_own_query_and_order_alone(server):
    for _ in range(3):
        await server.job()
    cursor = (await server.get(size="1", query="id > 0", orderby="id desc"))["cursor"]

    same = await server.ask("GET", "/inventory", cursor=cursor, query="id > 0", orderby="id desc")
    damaged = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]

    assert same.status_code == 200
    for parameters in (
        {"cursor": cursor, "orderby": "id desc"},
        {"cursor": cursor, "query": "id > 0"},
        {"cursor": cursor, "query": "id > 1", "orderby": "id desc"},
        {"cursor": damaged, "query": "id > 0", "orderby": "id desc"},
    ):
        assert (await server.ask("GET", "/inventory", **parameters)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "", 405, "GET, HEAD"),
        ("POST", "/inventory", 405, "DELETE, GET, HEAD"),
        ("PUT", "/inventory.json", 405, "GET, HEAD"),
        ("DELETE", "/bulk", 405, "GET, HEAD"),
        ("GET", "/cancel", 405, "DELETE, PUT"),
        ("GET", "/inventory/cancel", 405, "PUT"),
        ("GET", "/cancel5", 405, "PUT"),
        ("DELETE", "/cancel5", 405, "PUT"),
        ("PUT", "/5", 405, "DELETE, GET, HEAD"),
        ("PATCH", "/5", 405, "DELETE, GET, HEAD, PUT"),
        ("GET", "/nothing", 404, None),
        ("GET", "/5.pdf", 404, None),
        ("GET", "/-5", 404, None),
        ("GET", "/\u0665", 404, None),
        ("GET", "/" + "9" * 5000, 404, None),
        ("GET", f"/{2**63}", 404, None),
        ("GET", f"/{2**63 - 1}", 404, None),
        ("GET", "/0", 404, None),
        ("GET", "/inventory/x", 404, None),
        ("GET", "/a/b/c", 404, None),
        ("PUT", "/cancelx", 404, None),
        ("PUT", "/cancel/x", 404, None),
        ("PUT", "/cancel/1,", 404, None),
        ("PUT", f"/cancel{'9' * 30}", 404, None),
        ("PUT", "/cancel/" + ",".join("1" * 1001), 400, None),
        ("DELETE", "/x", 404, None),
    ],
)
async def test_a_path_or_method_that_is_not_there_is_refused_in_this_dialects_form(
    server, method, path, status, allow
):
    answer = await server.ask(method, path)

    assert answer.status_code == status
    assert answer.json()["error_status"] == status
    assert answer.headers.get("allow") == allow


async def test_a_failure_of_the_server_tells_nothing_of_its_inside(server, monkeypatch):
    async def broken(*_given):
        raise RuntimeError("secret")

    monkeypatch.setattr(server.inventory, "page", broken)
    answer = await server.ask("GET", "/inventory")

    assert answer.status_code == 500
    assert answer.json()["error_status"] == 500
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE execution; --", "%", "_", "\\", "\u2028", "\x01", "$1", ":p0"]
)
async def test_values_mean_themselves(server, text):
    number = await server.job(name=f"a{text}b")
    await server.job(name="other")

    assert await server.ids("job_name contains '" + text.replace("'", "''") + "'") == [number]


@pytest.mark.parametrize("text", ["\U0010ffff", "\ud7ff", "a\U0010ffff"])
async def test_the_last_characters_there_are_can_begin_a_name(server, text):
    number = await server.job(await server.device(f"{text}x"))
    await server.job(await server.device("b"))

    assert await server.ids(f"name startsWith '{text}'") == [number]


async def test_the_sql_is_the_same_whatever_is_asked_for(sqlite_database, monkeypatch):
    server = await DigiServer(sqlite_database).begin()
    for _ in range(3):
        await server.job()
    await server.get()  # signs in, once
    traced = []
    rows = SqliteTransaction._rows
    monkeypatch.setattr(
        SqliteTransaction,
        "_rows",
        lambda self, sql, params: traced.append(sql) or rows(self, sql, params),
    )
    shapes = []
    for words in (("a", "b", "1", "new"), ("'; --", "x" * 500, "99", "failed")):
        traced.clear()
        first, second, number, status = (word.replace("'", "''") for word in words)
        query = (
            f"(name = '{first}' or job_name contains '{second}') and id <> {number}"
            f" and tags startsWith '{first}' and not status = '{status}' and username <> '{second}'"
        )
        await server.get(query=query, size=number, orderby="job_name")
        await server.get(query=query)
        await server.ask("GET", "/bulk", query=query)
        shapes.append(list(traced))

    await server.close()
    assert shapes[0] == shapes[1]
    assert shapes[0]


INDEXED = {
    "": ("PRIMARY KEY", "execution_pkey", "SCAN execution"),
    "status = 'failed' and job_type = 'reboot'": ("execution_status", "execution_kind"),
    "job_type = 'reboot'": ("execution_kind",),
    "username = 'a@b.c'": ("execution_submitter",),
    "id = 7": ("execution_pkey", "PRIMARY KEY"),
    "(job_type = 'a' and status = 'new') or status = 'failed'": ("execution_kind_status",),
}
FOUND = {
    "tags = 'a'": "device_fact_value",
    "group startsWith '/a/'": "device_fact_value",
    "name = 'a' and (connection_status = 'connected' or signal_percent < 20)": "device_fact_value",
    "carrier = 'a' or carrier = 'b'": "device_last_attribute",
    "signal_percent < 20 and status = 'new'": "device_fact_number",
    "tags contains 'a'": "device_fact_value",
    "group endsWith '/a' or group contains 'b/'": "device_fact_value",
    "health_status = 'error'": "device_fact_value",
    "id = '632e18632f59592e773a4153'": ("device_pkey", "sqlite_autoindex_device_1"),
}


@pytest.mark.parametrize("query", [query for query in INDEXED if query])
async def test_a_query_about_jobs_uses_an_index(database, query):
    asked = Plan(Wanted(Reach(), parse(query, 0), limit=100), database.dialect)

    plan = await _explained(database, asked.rows(asked.words.shown), asked.params)

    assert any(name in plan for name in INDEXED[query]), plan
    assert "Seq Scan on execution" not in plan


async def test_jobs_of_submitters_that_are_known_are_found_by_their_index(database):
    asked = Plan(Wanted(Reach(), In(SUBMITTER, ("a", "b")), limit=100), database.dialect)

    plan = await _explained(database, asked.rows(asked.words.shown), asked.params)

    assert "execution_submitter" in plan, plan


@pytest.mark.parametrize(
    ("field", "query", "index"),
    [
        ("submit_time", ALL, "execution_requested"),
        ("end_time", Not(Missing("end_time")), "execution_completed"),
    ],
)
async def test_a_page_by_time_enters_its_index_at_its_place(database, field, query, index):
    place = Place(1_800_000_000_000, 7)
    wanted = Wanted(Reach(), query, Order(field, descending=True), limit=100, after=place)
    asked = Plan(wanted, database.dialect)

    plan = await _explained(database, asked.rows(asked.words.shown), asked.params)

    assert index in plan, plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize("query", FOUND)
async def test_devices_that_a_query_can_match_are_found_by_an_index(database, query):
    found = hits(Plan(Wanted(Reach(), parse(query, 0)), database.dialect))
    assert found is not None

    counting = found.counting(10)
    plan = await _explained(database, counting.sql, counting.params)

    names = FOUND[query]
    assert any(name in plan for name in ([names] if isinstance(names, str) else names)), plan


async def test_the_jobs_of_devices_are_sought_by_an_index_or_in_the_order_of_their_numbers(
    database,
):
    query = "tags = 'a' and (connection_status = 'connected' or signal_percent < 20)"
    found = hits(Plan(Wanted(Reach(), parse(query, 0)), database.dialect))
    assert found is not None
    bounds = {"floor": -1, "upper": 10**12, "items": 5, "missing": 5}
    for statement in MANY_ITEMS[database.dialect]:
        await database.write(lambda tx, sql=statement: tx.fetch_sql(sql, {}))

    sought, newest = found.sought(), found.among_newest()
    by_device = await _explained(database, sought.sql, {**sought.params, **bounds})
    in_order = await _explained(database, newest.sql, {**newest.params, **bounds})

    assert "iteration_resource" in by_device, by_device
    assert any(name in in_order for name in ("iteration_pkey", "PRIMARY KEY (execution>?"))
    assert "iteration_resource" not in in_order, in_order


MANY_ITEMS = {
    "sqlite": (),
    "postgres": (
        (
            "INSERT INTO iteration (execution, resource_id) SELECT number, CAST(number AS text)"
            " FROM generate_series(1, 5000) AS number"
        ),
        "ANALYZE iteration",
    ),
}
"""Enough for the planner to tell the indexes apart; SQLite's goes by their columns alone."""


@pytest.mark.parametrize(
    "query",
    [
        "tags <> 'a'",
        "not tags = 'a'",
        "tags = 'a' or id = 7",
        "group = empty",
        "health_status = 'unknown'",
        "tags = 'a' and id in (1, 2)",
    ],
)
def test_a_walk_does_not_begin_at_devices_where_others_may_match(query):
    assert hits(Plan(Wanted(Reach(), parse(query, 0)), "sqlite")) is None


async def _explained(database, sql, params):
    """Return how a statement would be run, the tables being large for all the planner knows."""
    if database.dialect == "sqlite":
        rows = await database.read(lambda tx: tx.fetch_sql(f"EXPLAIN QUERY PLAN {sql}", params))
        return "\n".join(row["detail"] for row in rows)

    async def work(tx):
        await tx.fetch_sql("SELECT set_config('enable_seqscan', 'off', true)")
        await tx.fetch_sql("SELECT set_config('enable_bitmapscan', 'off', true)")
        return await tx.fetch_sql(f"EXPLAIN {sql}", params)

    return "\n".join(row["QUERY PLAN"] for row in await database.write(work))


async def test_an_account_over_its_allowance_is_told_when_to_come_back(sqlite_database):
    server = await DigiServer(sqlite_database, Allowance(a_minute=12)).begin()
    allowed = [(await server.ask("GET", "")).status_code for _ in range(2)]
    server.clock.advance(4)

    refused = await server.ask("GET", "/inventory")
    server.clock.advance(6)
    later = await server.ask("GET", "/inventory")
    await server.close()

    assert allowed == [200, 200]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "6"
    assert refused.json()["error_status"] == 429
    assert later.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/inventory.xml", {}, 401),
        ("GET", "/inventory", {"Accept": "application/xml"}, 401),
        ("GET", "/inventory/5.xml", basic("nobody", "x"), 401),
        ("GET", "/inventory.xml", {"X-API-KEY-ID": "only"}, 401),
        ("PUT", "/inventory.xml", basic(), 405),
        ("GET", "/a/b/c.xml", basic(), 404),
        ("GET", "/99.xml", basic(), 404),
        ("PUT", "/cancel?query=", {**basic(), "Accept": "text/xml"}, 400),
        ("DELETE", "/inventory/99", {**basic(), "Accept": "text/xml"}, 404),
        ("GET", "/inventory.xml?query=" + "x" * 8193, basic(), 413),
    ],
)
async def test_a_refusal_has_the_form_that_the_answer_would_have(
    server, method, path, headers, status
):
    answer = await server.client.request(method, ROOT + path, headers=headers)

    root = ET.fromstring(answer.content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/xml;charset=UTF-8"
    assert (root.tag, root.findtext("error_status")) == ("error", str(status))
    assert root.findtext("error_message")
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="ws"'


async def test_a_refused_json_path_stays_json_whatever_is_accepted(server):
    accepting = {"Accept": "application/xml"}

    answer = await server.client.request("GET", f"{ROOT}/inventory.json", headers=accepting)

    assert (answer.status_code, answer.json()["error_status"]) == (401, 401)
