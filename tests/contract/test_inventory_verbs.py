"""Cancel and delete in the inventory over HTTP: one job, several, all that match."""

from __future__ import annotations

import pytest

from tests.support.digi_server import fleet


@pytest.fixture
def server(digi_server):
    return digi_server


@pytest.mark.parametrize("form", ["/cancel{0}", "/cancel/{0}", "/cancel{0}/"])
async def test_one_job_is_canceled_by_its_id(server, form):
    done, _failed, queued, running = await fleet(server)

    first = await server.ask("PUT", form.format(queued))
    again = await server.ask("PUT", form.format(queued))
    under_way = await server.ask("PUT", form.format(running))
    ended = await server.ask("PUT", form.format(done))
    absent = await server.ask("PUT", form.format(999))

    assert first.json() == {"count": 1, "list": [{"id": queued, "status": "canceled"}]}
    assert (again.status_code, again.json()) == (200, first.json())
    assert under_way.json()["list"] == [{"id": running, "status": "in_progress"}]
    assert (await server.get(f"/{running}"))["cancel_requested"] is True
    assert (ended.status_code, ended.json()["error_status"]) == (409, 409)
    assert absent.status_code == 404
    assert (await server.get(f"/{done}"))["status"] == "complete"


async def test_several_ids_are_canceled_each_by_itself(server):
    done, _failed, queued, _running = await fleet(server)

    answer = await server.ask("PUT", f"/cancel/{queued},{done},999,{queued}")

    assert answer.status_code == 207
    body = answer.json()
    assert body["count"] == 3
    assert [(each["id"], each.get("error_status")) for each in body["list"]] == [
        (queued, None),
        (done, 409),
        (999, 404),
    ]
    assert body["list"][1]["error_context"] == {"id": done}


@pytest.mark.parametrize("path", ["/cancel", "/inventory/cancel"])
async def test_every_match_of_a_query_is_canceled(server, path):
    done, _failed, queued, running = await fleet(server)

    mixed = await server.ask("PUT", path, query=f"id = {done} or status = 'new'")
    good = await server.ask("PUT", path, query="status = 'in_progress'", size="0", cursor="x")
    none = await server.ask("PUT", path, query="id = 0")

    assert mixed.status_code == 207
    assert [each["id"] for each in mixed.json()["list"]] == [queued, done]
    assert (good.status_code, good.json()["list"]) == (
        200,
        [{"id": running, "status": "in_progress"}],
    )
    assert (none.status_code, none.json()) == (200, {"count": 0, "list": []})
    assert server.signals.close.is_set()


async def test_more_matches_than_one_unit_of_work_holds_are_all_canceled(server):
    now = server.clock.ms
    columns = (
        "id", "kind", "name", "application_id", "state", "detail", "requested_ms", "due_ms",
        "concurrency", "delay_ms", "timeout_ms", "retry_on_timeout", "retry_on_failure",
        "max_retries", "retry_delay_ms",
    )  # fmt: skip
    rows = [
        (
            f"{n:024x}",
            "reboot",
            "j",
            server.application_id,
            "queued",
            "{}",
            now,
            now,
            1,
            0,
            1,
            0,
            0,
            0,
            0,
        )
        for n in range(2001)
    ]
    await server.database.write(lambda tx: tx.copy_rows("execution", columns, rows))

    answer = await server.ask("PUT", "/cancel", query="job_type = 'REBOOT'")

    assert answer.json()["count"] == 2001
    assert (await server.get(query="status = 'canceled'", total="true"))["total"] == 2001


@pytest.mark.parametrize("form", ["/{0}", "/inventory/{0}"])
async def test_one_job_is_deleted_once_it_has_ended(server, form):
    done, _failed, queued, _running = await fleet(server)

    gone = await server.ask("DELETE", form.format(done))
    early = await server.ask("DELETE", form.format(queued))

    assert gone.json() == {"count": 1, "list": [{"id": done, "status": "complete"}]}
    assert early.status_code == 409
    assert (await server.ask("GET", f"/{done}")).status_code == 404
    assert (await server.ask("DELETE", form.format(done))).status_code == 404
    assert (await server.get(f"/{queued}"))["status"] == "new"


async def test_a_delete_by_query_leaves_what_has_not_ended(server):
    done, failed, queued, running = await fleet(server)

    answer = await server.ask("DELETE", "/inventory", query="id > 0")

    assert answer.status_code == 207
    assert [(e["id"], e.get("error_status")) for e in answer.json()["list"]] == [
        (running, 409),
        (queued, 409),
        (failed, None),
        (done, None),
    ]
    assert await server.ids() == [running, queued]


async def test_cancel_and_delete_hides_what_runs_and_deletes_it_once_it_stopped(server):
    done, failed, queued, running = await fleet(server)

    answer = await server.ask("DELETE", "/cancel", query="job_type = 'resource_job'")

    assert answer.status_code == 200
    assert [(each["id"], each["status"]) for each in answer.json()["list"]] == [
        (running, "in_progress"),
        (queued, "canceled"),
        (failed, "failed"),
        (done, "complete"),
    ]
    assert await server.ids() == []
    assert (await server.ask("GET", f"/{running}")).status_code == 404
    assert (await server.ask("GET", "/bulk", fields="id")).text == "id\r\n"
    assert (await server.ask("PUT", f"/cancel{running}")).status_code == 404
    await server.inventory.purge()
    assert await _stored(server) == [running]
    await server.database.write(
        lambda tx: tx.execute_sql("UPDATE execution SET state = 'canceled', completed_ms = 1")
    )
    await server.inventory.purge()
    assert await _stored(server) == []


async def _stored(server):
    rows = await server.database.read(lambda tx: tx.fetch_sql("SELECT number FROM execution"))
    return [row["number"] for row in rows]
