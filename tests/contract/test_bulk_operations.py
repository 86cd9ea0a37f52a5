"""Verbs over many jobs are operations of their own: seen, canceled, and gone on with by others."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET

import msgspec
import pytest
import pytest_asyncio

from drover.app import inventory_bulk
from drover.app.inventory_bulk import MOST_TRIES
from drover.model.inventory import BULK, BulkAsked
from drover.ports.failures import StoreLost
from tests.support.digi_server import DigiServer

MANY = 1_200
COLUMNS = (
    "id", "kind", "name", "application_id", "state", "detail", "requested_ms", "due_ms",
    "completed_ms", "concurrency", "delay_ms", "timeout_ms", "retry_on_timeout", "retry_on_failure",
    "max_retries", "retry_delay_ms",
)  # fmt: skip


@pytest_asyncio.fixture
async def server(database):
    made = await DigiServer(database).begin()
    yield made
    await made.close()


async def _jobs(server, count: int, *, ended: int = 0, first: int = 100_000) -> list[int]:
    """Store queued jobs of a kind of their own; the first few have ended."""
    now = server.clock.ms
    rows = [
        (
            f"{n:024x}", "reboot", "j", server.application_id,
            "succeeded" if n < first + ended else "queued", "{}", now, now,
            now if n < first + ended else None, 1, 0, 1, 0, 0, 0, 0,
        )
        for n in range(first, first + count)
    ]  # fmt: skip
    await server.database.write(lambda tx: tx.copy_rows("execution", COLUMNS, rows))
    return sorted(await _numbers(server, "kind = 'reboot'"), reverse=True)


async def _numbers(server, condition: str) -> list[int]:
    sql = f"SELECT number FROM execution WHERE {condition} ORDER BY number"  # noqa: S608 - of the test
    return [row["number"] for row in await server.database.read(lambda tx: tx.fetch_sql(sql))]


async def _operations(server):
    """Return the operations as the inventory lists them."""
    listed = await server.get(query=f"job_type in ({', '.join(repr(kind) for kind in BULK)})")
    return listed["list"]


async def _until(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_verb_over_many_jobs_tells_of_each_and_names_its_operation(server):
    numbers = await _jobs(server, MANY, ended=3)

    answer = await server.ask("PUT", "/cancel", query="job_type = 'reboot'")

    body = answer.json()
    (operation,) = await _operations(server)
    assert answer.status_code == 207
    assert (body["count"], [each["id"] for each in body["list"]]) == (MANY, numbers)
    assert [each["error_status"] for each in body["list"] if "error_status" in each] == [409] * 3
    assert body["list"][-1]["error_context"] == {"id": numbers[-1]}
    assert body["operation"] == operation["id"]
    assert {
        name: operation[name]
        for name in ("job_type", "status", "source", "username", "progress_percent")
    } == {
        "job_type": "bulk_cancel",
        "status": "complete",
        "source": "digi",
        "username": "admin@example.com",
        "progress_percent": 100,
    }
    assert [operation[f"{name}_count"] for name in ("target", "success", "failure")] == [
        MANY,
        MANY - 3,
        3,
    ]
    assert await server.ids("status = 'new'") == []


async def test_what_one_unit_of_work_holds_takes_no_operation(server):
    await _jobs(server, 1_000)

    answer = await server.ask("PUT", "/inventory/cancel", query="status = 'new'")

    assert (answer.status_code, answer.json()["count"]) == (200, 1_000)
    assert "operation" not in answer.json()
    assert await _operations(server) == []


@pytest.mark.parametrize(
    ("path", "kind", "left"),
    [("/inventory", "bulk_delete", MANY - 1), ("/cancel", "bulk_cancel_and_delete", 0)],
)
async def test_many_jobs_are_deleted_by_an_operation(server, path, kind, left):
    await _jobs(server, MANY, ended=1)

    answer = await server.ask("DELETE", path, {**_xml()}, query="job_type = 'reboot'")

    root = ET.fromstring(answer.content)
    assert answer.status_code == (207 if left else 200)
    assert (root.tag, root.findtext("count")) == ("result", str(MANY))
    assert len(root.findall("list/item")) == MANY
    assert len(root.findall("list/item/error_message")) == left
    assert [each["job_type"] for each in await _operations(server)] == [kind]
    assert len(await _numbers(server, "kind = 'reboot'")) == left


def _xml() -> dict[str, str]:
    from tests.support.digi_server import basic

    return {**basic(), "Accept": "application/xml"}


async def test_an_operation_changes_neither_itself_nor_what_came_after_it(server, monkeypatch):
    monkeypatch.setattr(inventory_bulk, "AHEAD", 600)
    await _jobs(server, MANY)
    unit = server.bulk._step
    later = []

    async def step(*given):
        if not later:
            later.append(await server.job(state="queued"))
        return await unit(*given)

    monkeypatch.setattr(server.bulk, "_step", step)
    answer = await server.ask("PUT", "/cancel", query="id > 0")

    (operation,) = await _operations(server)
    assert answer.json()["count"] == MANY
    assert operation["status"] == "complete"
    assert await server.ids("status = 'new'") == later


async def test_an_operation_that_is_canceled_stops_where_it_is(server, monkeypatch):
    await _jobs(server, MANY)
    unit = server.bulk._step

    async def step(operation, *given):
        done = await unit(operation, *given)
        await server.ask("PUT", f"/cancel{operation.number}")
        return done

    monkeypatch.setattr(server.bulk, "_step", step)
    answer = await server.ask("PUT", "/cancel", query="job_type = 'reboot'")

    (operation,) = await _operations(server)
    assert answer.status_code == 409
    assert answer.json()["error_message"].endswith("was canceled after 500 of its jobs")
    assert operation["status"] == "canceled"
    assert (operation["success_count"], operation["canceled_count"]) == (500, MANY - 500)
    assert len(await server.ids("status = 'new'")) == MANY - 500


async def test_another_worker_goes_on_where_one_that_died_had_come_to(server, monkeypatch):
    await _jobs(server, MANY)
    unit = server.bulk._step
    steps = []

    async def step(operation, asked, node, numbers):
        if steps:
            raise StoreLost("its process died")
        steps.append(await unit(operation, asked, node, numbers))
        return steps[0]

    monkeypatch.setattr(server.bulk, "_step", step)
    broken = await server.ask("PUT", "/cancel", query="job_type = 'reboot'")
    other = server.bulk_worker("another")
    await other.resume()
    early = await server.get(query="job_type = 'bulk_cancel'")
    await server.database.write(
        lambda tx: tx.execute_sql(
            "UPDATE execution SET lease_until_ms = 1 WHERE kind = 'bulk_cancel'"
        )
    )
    await other.resume()

    (operation,) = await _operations(server)
    assert broken.status_code == 503
    assert [each["status"] for each in early["list"]] == ["in_progress"]
    assert early["list"][0]["success_count"] == 500
    assert (operation["status"], operation["success_count"]) == ("complete", MANY)
    assert await server.ids("status = 'new'") == []


async def test_a_worker_whose_operation_was_taken_over_changes_nothing_more(server, monkeypatch):
    await _jobs(server, MANY)
    unit = server.bulk._step

    async def step(operation, *given):
        await server.database.write(
            lambda tx: tx.execute_sql("UPDATE execution SET fence = 99 WHERE kind = 'bulk_cancel'")
        )
        return await unit(operation, *given)

    monkeypatch.setattr(server.bulk, "_step", step)
    answer = await server.ask("PUT", "/cancel", query="job_type = 'reboot'")

    assert answer.status_code == 503
    assert "goes on by itself" in answer.json()["error_message"]
    assert len(await server.ids("status = 'new'")) == 1_000


async def test_a_server_that_stops_leaves_its_operation_to_the_next_at_once(server, monkeypatch):
    await _jobs(server, MANY)
    unit = server.bulk._step

    async def step(*given):
        done = await unit(*given)
        server.bulk.stop()
        return done

    monkeypatch.setattr(server.bulk, "_step", step)
    stopped = await server.ask("PUT", "/cancel", query="job_type = 'reboot'")
    await server.bulk.resume()
    left = await server.get(query="status = 'new'", total="true")
    await server.bulk_worker("the next").resume()

    assert stopped.status_code == 503
    assert left["total"] == MANY - 500
    assert [each["status"] for each in await _operations(server)] == ["complete"]


async def test_an_operation_that_never_gets_to_its_end_fails(server):
    asked = BulkAsked(query="id > 0", asked_ms=1)
    number = await server.job(
        kind="bulk_cancel",
        state="running",
        detail=msgspec.json.encode(asked),
        tries=MOST_TRIES,
        lease_until_ms=1,
    )
    other = await server.job(state="queued")

    await server.bulk.resume()

    job = await server.get(f"/{number}")
    assert (job["status"], job["error_message"]) == (
        "failed",
        "It stopped again and again before its end",
    )
    assert (await server.get(f"/{other}"))["status"] == "new"


async def test_what_an_operation_may_touch_was_settled_when_it_was_asked_for(server):
    mine = await server.job(state="queued")
    asked = BulkAsked(query="id > 0", asked_ms=1, applications=("0" * 24,))
    await server.job(
        kind="bulk_cancel", state="running", detail=msgspec.json.encode(asked), lease_until_ms=1
    )

    await server.bulk.resume()

    assert (await server.get(f"/{mine}"))["status"] == "new"


async def test_deleted_jobs_take_their_items_along(server, monkeypatch):
    from drover.store.inventory import area

    monkeypatch.setattr(area, "PURGED_ITEMS", 3)
    monkeypatch.setattr(area, "PURGED", 2)
    devices = [await server.device(f"d{n}") for n in range(4)]
    kept = await server.job(*devices)
    gone = [await server.job(*devices) for _ in range(3)]

    answer = await server.ask("DELETE", "/inventory", query=f"id > {kept}")
    hidden = await server.ids()
    await server.inventory.purge()

    items = await server.database.read(
        lambda tx: tx.fetch_sql("SELECT DISTINCT execution FROM iteration")
    )
    assert [each["id"] for each in answer.json()["list"]] == gone[::-1]
    assert hidden == [kept]
    assert await _numbers(server, "TRUE") == [kept]
    assert [row["execution"] for row in items] == [kept]
