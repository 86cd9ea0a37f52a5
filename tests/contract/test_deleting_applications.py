"""A deleted application is gone at once, and all that it had is removed by a task."""

from __future__ import annotations

import asyncio

from drover.app.exports import ExportRoom
from drover.app.services import Services
from drover.app.signed_links import SignedLinks
from drover.app.tasks import application_delete
from drover.app.tasks.application_delete import TASK
from drover.app.transfer.downloads import Downloads
from drover.engine.service import Heart
from drover.engine.tasks import TaskRunner
from drover.engine.timing import Timing
from drover.model.execution import State
from drover.system import RandomIds
from tests.support.catalog_server import MemoryBlobs

TABLES = (
    "device", "device_state", "device_log", "device_last", "device_tag", "flow", "flow_version",
    "flow_count", "flow_trigger", "table_row", "event", "experience_user", "experience_group",
    "document", "schedule",
)  # fmt: skip


async def rows(database, table):
    sql = f"SELECT count(*) AS total FROM {table}"  # noqa: S608 - the test's own names
    found = await database.read(lambda tx: tx.fetch_sql(sql))
    return found[0]["total"]


async def executions(database):
    sql = "SELECT * FROM execution ORDER BY number"
    return await database.read(lambda tx: tx.fetch_sql(sql))


async def fill(server, token, application_id, *, devices=3):
    """Make some of everything in an application."""
    path = f"/applications/{application_id}"
    for index in range(devices):
        attributes = [{"name": "t", "dataType": "number"}]
        device = {
            "name": f"d{index}",
            "attributes": attributes,
            "tags": [{"key": "a", "value": "b"}],
        }
        made = await server.ok(token, "POST", f"{path}/devices", device)
        await past(server.store, application_id, made["id"])
    await server.ok(token, "DELETE", f"{path}/devices/{made['id']}")
    flow = {"name": "f", "triggers": [{"type": "timer", "key": "k", "config": {"seconds": 60}}]}
    await server.ok(token, "POST", f"{path}/flows", flow)
    table = {
        "name": "t",
        "columns": [{"name": "c", "dataType": "string", "constraint": "optional"}],
    }
    await server.ok(token, "POST", f"{path}/data-tables", table)
    user = {"email": "a@example.com", "password": "Correct-horse-9"}
    await server.ok(token, "POST", f"{path}/experience/users", user)
    await server.ok(token, "POST", f"{path}/experience/groups", {"name": "g"})
    await server.ok(token, "POST", f"{path}/webhooks", {"name": "w"})


async def past(store, application_id, device_id):
    """Write some state and a log line of a device."""
    state = "INSERT INTO device_state (device_id, attribute, time_ms, value) VALUES (:id, 't', :at, '1')"
    log = (
        "INSERT INTO device_log (device_id, topic, time_ms, id, document)"
        " VALUES (:id, 'command', :at, :name, '{}')"
    )
    for at in range(4):
        named = {"id": device_id, "at": at}
        await store.database.write(lambda tx, given=named: tx.execute_sql(state, given))
        named = {**named, "name": str(at)}
        await store.database.write(lambda tx, given=named: tx.execute_sql(log, given))


async def run(server, *, worker="one"):
    """Run what waits, as a server would."""
    clocks = Timing(lease_ms=60_000, beat_ms=60_000)
    heart = Heart(server.store, clocks, worker)
    blobs = MemoryBlobs()
    services = Services(ExportRoom(server.store, blobs, str))
    runner = TaskRunner(heart, {TASK.kind: TASK.make(services)}, most=1)
    await runner.tick()
    return runner


async def test_it_is_gone_at_once_and_everything_in_it_by_a_task(server, database, monkeypatch):
    monkeypatch.setattr(application_delete, "ROWS", 2)
    token = await server.start()
    gone, kept = await server.application(token), await server.application(token)
    await fill(server, token, gone)
    await fill(server, token, kept)
    before = {table: await rows(database, table) for table in TABLES}

    await server.ok(token, "DELETE", f"/applications/{gone}")

    assert (await server.call(token, "GET", f"/applications/{gone}")).status_code == 404
    assert (await server.call(token, "GET", f"/applications/{gone}/devices")).status_code == 404
    await idle(await run(server))
    after = {table: await rows(database, table) for table in TABLES}
    assert after == {table: total // 2 for table, total in before.items()}
    (task,) = await executions(database)
    assert (task["kind"], task["state"], task["application_id"]) == (
        "application_delete",
        State.SUCCEEDED,
        None,
    )


async def tables_of_applications(database):
    """Return the tables that say which application a row is of."""
    sql = (
        "SELECT name AS name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%application_id%'"
        if database.dialect == "sqlite"
        else "SELECT table_name AS name FROM information_schema.columns"
        " WHERE column_name = 'application_id' AND table_schema = current_schema()"
    )
    found = await database.read(lambda tx: tx.fetch_sql(sql))
    return sorted(row["name"] for row in found)


async def of_application(database, table, application_id):
    sql = f"SELECT count(*) AS total FROM {table} WHERE application_id = :id"  # noqa: S608 - ours
    found = await database.read(lambda tx: tx.fetch_sql(sql, {"id": application_id}))
    return found[0]["total"]


LEFT_OVER = (
    (
        "INSERT INTO firing (application_id, trigger_type, trigger_key, data, root, created_ms,"
        " due_ms, depth) VALUES (:id, 'webhook', 'k', '{}', 'r', 1, 1, 0)"
    ),
    "INSERT INTO endpoint_call VALUES (:id, 0, 'e', 'develop', '', 200, 1)",
    "INSERT INTO payload_count VALUES (:id, 0, 'event', 'user.rest', 1, 1)",
    "INSERT INTO awaited_reply (id, application_id, until_ms) VALUES ('a', :id, 1)",
    "INSERT INTO download VALUES ('d', :id, 'downloads/d', 'n', 9000000000000000)",
)


async def test_no_table_has_a_row_of_a_deleted_application(server, database):
    token = await server.start()
    gone = await server.application(token)
    await fill(server, token, gone)
    path = f"/applications/{gone}"
    await server.ok(token, "POST", f"{path}/keys", {"name": "k"})
    await server.ok(token, "POST", f"{path}/tokens", {"name": "t", "scope": ["all.Application"]})
    for statement in LEFT_OVER:
        await database.write(lambda tx, each=statement: tx.execute_sql(each, {"id": gone}))
    tables = await tables_of_applications(database)
    before = {table for table in tables if await of_application(database, table, gone)}

    await server.ok(token, "DELETE", path)
    await idle(await run(server))
    links = SignedLinks(b"k" * 32, "http://drover.test", 3600, server.clock)
    await Downloads(server.store, MemoryBlobs(), links, RandomIds(), 3600).tick()

    filled = {"access_key", "access_token", "device", "device_tag", "document", "download"}
    assert before >= filled | {"endpoint_call", "firing", "flow", "search_entry"}
    assert {table for table in tables if await of_application(database, table, gone)} == set()


async def test_one_that_is_stopped_half_way_goes_on_elsewhere(server, database, monkeypatch):
    monkeypatch.setattr(application_delete, "ROWS", 1)
    token = await server.start()
    gone = await server.application(token)
    await fill(server, token, gone)
    await server.ok(token, "DELETE", f"/applications/{gone}")
    first = await run(server)
    async with asyncio.timeout(120):
        while not (await executions(database))[0]["accumulator"]:
            await asyncio.sleep(0.001)

    await first.drain(60)
    left = await rows(database, "device_state")
    await idle(await run(server, worker="two"))

    (task,) = await executions(database)
    assert left > 0
    assert (task["state"], task["fence"]) == (State.SUCCEEDED, 2)
    assert {table: await rows(database, table) for table in TABLES} == dict.fromkeys(TABLES, 0)


async def idle(runner):
    async with asyncio.timeout(120):
        while runner.running:
            await asyncio.sleep(0.01)
