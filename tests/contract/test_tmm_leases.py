"""Leases, attempts and logs of beacon jobs over HTTP on both stores."""

from __future__ import annotations

import time

import pytest
import pytest_asyncio

from drover.model.access import Role
from tests.support.tmm_server import ROOT, TmmServer

TASKS = '[{"cmd":"a"},{"cmd":"b"}]'
LATE = 4_000_000_000


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def begun(shared_database):
    made = await TmmServer(shared_database).begin()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def server(begun):
    yield begun
    await begun.forget()


async def _in(server, state, **form):
    """Create a job and bring it where it is wanted."""
    if state == "template":
        return (await server.done("POST", "", name="t", schedule="1"))["id"]
    form = {"q": "0"} | form if state == "new" else form
    number = await server.create(tasks=TASKS, **form)
    for action in {
        "picked_up": ["pickup"],
        "running": ["start"],
        "complete": ["end"],
        "canceled": ["cancel"],
        "canceling": ["start", "cancel"],
    }.get(state, []):
        await server.act(number, action)
    if state == "failed":
        await server.act(number, "end", failed="1")
    return number


# Leases, attempts, fences (section 8) -------------------------------------------------------------


@pytest.mark.parametrize("action", ["start", "update", "heartbeat"])
async def test_a_worker_that_is_heard_keeps_its_lease(server, action):
    number = await server.create()
    await server.act(number, "pickup", lease="100")
    await server.set(number, lease_until_ms=1)

    job = await server.act(number, action)

    assert (job["lease"], job["lease_until"] > time.time() + 90) == (100, True)


async def test_a_lease_that_runs_out_gives_the_job_to_another(server):
    number = await server.create(tasks=TASKS)
    first = await server.act(number, "pickup", worker="a")
    await server.act(number, "start", worker="a")
    await server.act(number, "update", curtask="1")

    await server.run_out(number)

    job = await server.show(number)
    assert (job["status"], job["attempts"], job["cur_task"]) == ("queued", 1, 0)
    assert job["pickup_time"] is job["start_time"] is job["worker"] is None
    late = {"fence": first["fence"], "result[]": "1"}
    assert await server.refused(number, "end", **late) == (409, "conflict")
    assert await server.refused(number, "end", **{"result[]": "1"}) == (409, "conflict")
    second = await server.done("POST", "?action=pickup", worker="b")
    assert (second["id"], second["worker"], second["result"]) == (number, "b", [])
    for action in ("start", "update", "heartbeat", "log", "end", "release"):
        assert await server.refused(number, action, **late, line="x") == (409, "conflict")
        assert await server.refused(number, action, worker="a", line="x") == (409, "conflict")
    ended = await server.act(number, "end", token=second["fence"], **{"result[]": "2"})
    assert ended["result"] == [2]


async def test_a_lease_that_is_renewed_in_time_does_not_run_out(server):
    number = await _in(server, "running")

    await server.clocks.tick()

    assert (await server.show(number))["status"] == "running"


async def test_a_job_that_nobody_ends_is_dead_after_its_attempts(server):
    number = await server.create(max_attempts="2")
    for _ in range(2):
        await server.act(number, "pickup")
        await server.run_out(number)

    job = await server.show(number)
    assert (job["status"], job["error"], job["attempts"]) == ("failed", "lease expired", 2)
    assert job["dead"] is True
    assert [each["id"] for each in await server.done("GET", "", dead="1")] == [number]
    assert await server.refused(number, "end") == (409, "conflict")


async def test_a_retry_comes_after_its_delay(server):
    number = await server.create(retry_delay="60")
    await server.act(number, "pickup")
    await server.run_out(number)

    job = await server.show(number)

    assert job["q_time"] >= time.time() + 55
    assert (await server.send("POST", "?action=pickup")).status_code == 204


async def test_a_job_that_was_not_queued_is_queued_once_its_worker_is_lost(server):
    number = await server.create(q="0")
    await server.act(number, "pickup")
    await server.run_out(number)

    job = await server.show(number)

    assert job["status"] == "queued"
    assert job["q_time"] <= time.time()


@pytest.mark.parametrize("where", ["pickup", "job", "setting", "shared"])
async def test_without_a_lease_a_worker_is_trusted_for_ever(server, where):
    if where == "setting":
        await server.done("POST", "", action="configure", lease="0")
    if where == "shared":
        await server.done("POST", "", action="configure", lease="20")
        key = await server.new_key(await server.user(server.token, "ann@example.com"))
        await server.done("POST", "", key, action="configure", lease="0")
        number = await server.create(key)
    else:
        number = await server.create(**({"lease": "0"} if where == "job" else {}))

    job = await server.act(number, "pickup", **({"lease": "0"} if where == "pickup" else {}))

    assert (job["lease"], job["lease_until"]) == (0, None)
    await server.clocks.tick()
    assert (await server.show(number))["status"] == "picked_up"


async def test_a_job_that_takes_too_long_fails(server):
    number = await server.create(timeout="60")
    await server.act(number, "start")
    await server.set(number, ends_ms=1)

    await server.clocks.tick()

    job = await server.show(number)
    assert (job["status"], job["error"], job["dead"]) == ("failed", "timed out", False)
    assert await server.refused(number, "end") == (409, "conflict")


async def test_many_leases_that_ran_out_are_all_seen(server, monkeypatch):
    monkeypatch.setattr("drover.engine.beacon_clocks._AT_A_TIME", 2)
    numbers = [await server.create() for _ in range(5)]
    for number in numbers:
        await server.act(number, "pickup")
        await server.set(number, lease_until_ms=1)

    await server.clocks.tick()

    assert [job["status"] for job in await server.done("GET")] == ["queued"] * 5


async def test_a_worker_hands_a_job_back_without_losing_an_attempt(server):
    number = await server.create(q="0")
    first = await server.act(number, "start", worker="a")

    job = await server.act(number, "release", worker="a", fence=first["fence"])

    assert (job["status"], job["attempts"], job["start_time"]) == ("queued", 0, None)
    assert (await server.done("POST", "?action=pickup"))["fence"] > first["fence"]
    assert (await server.refused(await server.create(), "release")) == (409, "conflict")


# Logs ---------------------------------------------------------------------------------------------


async def _log(server, number, **query):
    lines = await server.done("GET", f"/{number}/log", **query)
    return [(line["seq"], line["line"]) for line in lines]


async def test_lines_are_kept_in_order_and_not_twice(server):
    number = await _in(server, "running")
    await server.act(number, "log", seq="1", **{"line[]": ["a", "b"]})
    await server.act(number, "log", seq="2", **{"line[]": ["other", "c"]})

    told = await server.act(number, "log", line="d")

    assert told["seq"] == 4
    assert await _log(server, number) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert await _log(server, number, after=2, limit=1) == [(3, "c")]


async def test_lines_may_carry_their_own_place_and_time(server):
    number = await _in(server, "running")
    lines = [{"seq": 10**9 + 1, "line": "x", "time": 1000.5}, {"seq": 10**9 + 2, "line": "y"}]

    answer = await server.send("POST", f"/{number}?action=log", json={"lines": lines})

    assert answer.json()["seq"] == 10**9 + 2
    [first, second] = await server.done("GET", f"/{number}/log")
    assert first == {"seq": 10**9 + 1, "line": "x", "time": 1000}
    assert second["time"] >= 1_700_000_000


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 400),
        (["x" * 16_385], 413),
        (["a\0"], 400),
        (["x"] * 1001, 413),
        ([1], 400),
        ([{"line": "x", "seq": 0}], 400),
        ([{"seq": 1}], 400),
        ([["x"]], 400),
    ],
)
async def test_lines_have_limits(server, lines, status):
    number = await _in(server, "running")

    answer = await server.send("POST", f"/{number}?action=log", json={"lines": lines})

    assert answer.status_code == status
    assert await _log(server, number) == []


async def test_a_log_has_a_limit(server, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.logs.MOST_LINES", 2)
    number = await _in(server, "running")

    assert await server.refused(number, "log", line=["a", "b", "c"]) == (413, "too_large")
    assert await _log(server, number) == []


async def test_a_log_is_written_by_who_has_the_job(server):
    waiting, ended = await server.create(), await server.create()
    fence = (await server.act(ended, "start"))["fence"]
    await server.act(ended, "end")

    assert await server.refused(waiting, "log", line="x") == (409, "conflict")
    assert await server.refused(ended, "log", line="x") == (409, "conflict")
    await server.act(ended, "log", line="last words", fence=fence)
    assert await _log(server, ended) == [(1, "last words")]


async def test_a_log_of_anothers_job_is_missing(server):
    ann = await server.new_key(await server.user(server.token, "ann@example.com"), Role.BEACON)
    number = await _in(server, "running")

    assert (await server.send("GET", f"/{number}/log", ann)).status_code == 404
    assert (await server.send("POST", f"/{number}?action=log&line=x", ann)).status_code == 404
    assert (await server.client.get(f"{ROOT}/{number}/log")).status_code == 401
