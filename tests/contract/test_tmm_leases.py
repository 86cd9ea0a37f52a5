"""Leases, attempts and logs of beacon jobs over HTTP on both stores."""

from __future__ import annotations

import time

import pytest

from drover.app.beacons.logs import DROPPED, BeaconLogs
from drover.model.access import Role
from drover.model.errors import Missing
from tests.support.tmm_server import ROOT

TASKS = '[{"cmd":"a"},{"cmd":"b"}]'


pytestmark = pytest.mark.asyncio(loop_scope="module")


# Leases, attempts, fences (section 8) -------------------------------------------------------------


@pytest.mark.parametrize("action", ["start", "update", "heartbeat"])
async def test_a_worker_that_is_heard_keeps_its_lease(tmm, action):
    number = await tmm.create()
    await tmm.act(number, "pickup", lease="100")
    await tmm.set(number, lease_until_ms=1)

    job = await tmm.act(number, action)

    assert (job["lease"], job["lease_until"] > time.time() + 90) == (100, True)


async def test_a_lease_that_runs_out_gives_the_job_to_another(tmm):
    number = await tmm.create(tasks=TASKS)
    first = await tmm.act(number, "pickup", worker="a")
    await tmm.act(number, "start", worker="a")
    await tmm.act(number, "update", curtask="1")

    await tmm.run_out(number)

    job = await tmm.show(number)
    assert (job["status"], job["attempts"], job["cur_task"]) == ("queued", 1, 0)
    assert job["pickup_time"] is job["start_time"] is job["worker"] is None
    late = {"fence": first["fence"], "result[]": "1"}
    assert await tmm.refused(number, "end", **late) == (409, "conflict")
    assert await tmm.refused(number, "end", **{"result[]": "1"}) == (409, "conflict")
    second = await tmm.done("POST", "?action=pickup", worker="b")
    assert (second["id"], second["worker"], second["result"]) == (number, "b", [])
    for action in ("start", "update", "heartbeat", "log", "end", "release"):
        assert await tmm.refused(number, action, **late, line="x") == (409, "conflict")
        assert await tmm.refused(number, action, worker="a", line="x") == (409, "conflict")
    ended = await tmm.act(number, "end", token=second["fence"], **{"result[]": "2"})
    assert ended["result"] == [2]


async def test_a_lease_that_is_renewed_in_time_does_not_run_out(tmm):
    number = await tmm.job_in("running")

    await tmm.clocks.tick()

    assert (await tmm.show(number))["status"] == "running"


async def test_a_job_that_nobody_ends_is_dead_after_its_attempts(tmm):
    number = await tmm.create(max_attempts="2")
    for _ in range(2):
        await tmm.act(number, "pickup")
        await tmm.run_out(number)

    job = await tmm.show(number)
    assert (job["status"], job["error"], job["attempts"]) == ("failed", "lease expired", 2)
    assert job["dead"] is True
    assert [each["id"] for each in await tmm.done("GET", "", dead="1")] == [number]
    assert await tmm.refused(number, "end") == (409, "conflict")


async def test_a_retry_comes_after_its_delay(tmm):
    number = await tmm.create(retry_delay="60")
    await tmm.act(number, "pickup")
    await tmm.run_out(number)

    job = await tmm.show(number)

    assert job["q_time"] >= time.time() + 55
    assert (await tmm.send("POST", "?action=pickup")).status_code == 204


async def test_a_job_that_was_not_queued_is_queued_once_its_worker_is_lost(tmm):
    number = await tmm.create(q="0")
    await tmm.act(number, "pickup")
    await tmm.run_out(number)

    job = await tmm.show(number)

    assert job["status"] == "queued"
    assert job["q_time"] <= time.time()


@pytest.mark.parametrize("where", ["pickup", "job", "setting", "shared"])
async def test_without_a_lease_a_worker_is_trusted_for_ever(tmm, where):
    if where == "setting":
        await tmm.done("POST", "", action="configure", lease="0")
    if where == "shared":
        await tmm.done("POST", "", action="configure", lease="20")
        key = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
        await tmm.done("POST", "", key, action="configure", lease="0")
        number = await tmm.create(key)
    else:
        number = await tmm.create(**({"lease": "0"} if where == "job" else {}))

    job = await tmm.act(number, "pickup", **({"lease": "0"} if where == "pickup" else {}))

    assert (job["lease"], job["lease_until"]) == (0, None)
    await tmm.clocks.tick()
    assert (await tmm.show(number))["status"] == "picked_up"


async def test_a_job_that_takes_too_long_fails(tmm):
    number = await tmm.create(timeout="60")
    await tmm.act(number, "start")
    await tmm.set(number, ends_ms=1)

    await tmm.clocks.tick()

    job = await tmm.show(number)
    assert (job["status"], job["error"], job["dead"]) == ("failed", "timed out", False)
    assert await tmm.refused(number, "end") == (409, "conflict")


async def test_many_leases_that_ran_out_are_all_seen(tmm, monkeypatch):
    monkeypatch.setattr("drover.engine.beacon_clocks._AT_A_TIME", 2)
    numbers = [await tmm.create() for _ in range(5)]
    for number in numbers:
        await tmm.act(number, "pickup")
        await tmm.set(number, lease_until_ms=1)

    await tmm.clocks.tick()

    assert [job["status"] for job in await tmm.done("GET")] == ["queued"] * 5


async def test_a_worker_hands_a_job_back_without_losing_an_attempt(tmm):
    number = await tmm.create(q="0")
    first = await tmm.act(number, "start", worker="a")

    job = await tmm.act(number, "release", worker="a", fence=first["fence"])

    assert (job["status"], job["attempts"], job["start_time"]) == ("queued", 0, None)
    assert (await tmm.done("POST", "?action=pickup"))["fence"] > first["fence"]
    assert (await tmm.refused(await tmm.create(), "release")) == (409, "conflict")


# Logs ---------------------------------------------------------------------------------------------


async def _log(tmm, number, **query):
    lines = await tmm.done("GET", f"/{number}/log", **query)
    return [(line["seq"], line["line"]) for line in lines]


async def test_lines_are_kept_in_order_and_not_twice(tmm):
    number = await tmm.job_in("running")
    await tmm.act(number, "log", seq="1", **{"line[]": ["a", "b"]})
    await tmm.act(number, "log", seq="2", **{"line[]": ["other", "c"]})

    told = await tmm.act(number, "log", line="d")

    assert told["seq"] == 4
    assert await _log(tmm, number) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert await _log(tmm, number, after=2, limit=1) == [(3, "c")]


async def test_lines_may_carry_their_own_place_and_time(tmm):
    number = await tmm.job_in("running")
    lines = [{"seq": 10**9 + 1, "line": "x", "time": 1000.5}, {"seq": 10**9 + 2, "line": "y"}]

    answer = await tmm.send("POST", f"/{number}?action=log", json={"lines": lines})

    assert answer.json()["seq"] == 10**9 + 2
    [first, second] = await tmm.done("GET", f"/{number}/log")
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
async def test_lines_have_limits(tmm, lines, status):
    number = await tmm.job_in("running")

    answer = await tmm.send("POST", f"/{number}?action=log", json={"lines": lines})

    assert answer.status_code == status
    assert await _log(tmm, number) == []


async def test_a_log_has_a_limit(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.logs.MOST_LINES", 2)
    number = await tmm.job_in("running")

    assert await tmm.refused(number, "log", line=["a", "b", "c"]) == (413, "too_large")
    assert await _log(tmm, number) == []


async def test_the_first_lines_of_a_log_that_is_too_large_make_room_for_the_last(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.logs.MOST_BYTES", 100)
    monkeypatch.setattr("drover.app.beacons.logs._ROOM", 20)
    number = await tmm.job_in("running")
    lines = [f"{place} {'é' * 14}" for place in range(1, 5)]  # 30 bytes each

    for place, line in enumerate(lines[:3], start=1):
        await tmm.act(number, "log", seq=place, line=line)
    whole = await _log(tmm, number)
    told = await tmm.act(number, "log", line=lines[3])
    await tmm.act(number, "log", seq=1, line=lines[0])  # sent again

    assert whole == list(enumerate(lines[:3], start=1))
    assert told["seq"] == 4
    assert await _log(tmm, number) == [(2, DROPPED), (3, lines[2]), (4, lines[3])]
    assert await _log(tmm, number, limit=2) == [(2, DROPPED), (3, lines[2])]
    assert await _log(tmm, number, after=2) == [(3, lines[2]), (4, lines[3])]


async def test_a_long_log_is_read_a_few_lines_at_a_time(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.logs._PAGE", 3)
    number = await tmm.job_in("running")
    lines = [str(place) for place in range(1, 9)]
    await tmm.act(number, "log", **{"line[]": lines})

    assert await _log(tmm, number, limit=100_000) == list(enumerate(lines, start=1))
    assert await _log(tmm, number, limit=7) == list(enumerate(lines[:7], start=1))
    assert await _log(tmm, number, after=8) == []


async def test_a_log_is_written_by_who_has_the_job(tmm):
    waiting, ended = await tmm.create(), await tmm.create()
    fence = (await tmm.act(ended, "start"))["fence"]
    await tmm.act(ended, "end")

    assert await tmm.refused(waiting, "log", line="x") == (409, "conflict")
    assert await tmm.refused(ended, "log", line="x") == (409, "conflict")
    await tmm.act(ended, "log", line="last words", fence=fence)
    assert await _log(tmm, ended) == [(1, "last words")]


async def test_a_log_of_anothers_job_is_missing(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"), Role.BEACON)
    number = await tmm.job_in("running")

    assert (await tmm.send("GET", f"/{number}/log", ann)).status_code == 404
    assert (await tmm.send("POST", f"/{number}?action=log&line=x", ann)).status_code == 404
    assert (await tmm.client.get(f"{ROOT}/{number}/log")).status_code == 401


async def test_the_last_lines_of_a_log_are_found_whatever_their_places(tmm):
    number = await tmm.job_in("running")
    logs, caller = (
        BeaconLogs(tmm.store),
        await tmm.access.authenticator.authenticate_userkey(tmm.userkey),
    )
    none = await logs.before_last(caller, number, 2)
    for place in (3, 70, 10**9):
        await tmm.act(number, "log", seq=place, line=str(place))

    found = [await logs.before_last(caller, number, count) for count in (1, 2, 3, 4)]

    assert (none, found) == (0, [70, 3, 0, 0])
    assert await _log(tmm, number, after=found[1]) == [(70, "70"), (10**9, str(10**9))]
    with pytest.raises(Missing):
        await logs.before_last(caller, number + 1, 2)
