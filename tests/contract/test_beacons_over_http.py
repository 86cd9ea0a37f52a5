"""Workers over HTTP on both stores: how they are noted, who sees them, what is refused."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from drover.model.access import Role
from tests.support.tmm_server import TmmServer

BEACONS = "/api/beacons"

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
    await begun.database.write(lambda tx: tx.execute_sql("DELETE FROM beacon_worker"))
    begun.registry._known.clear()


async def seen(server, key=None):
    await server.registry.flush()
    headers = {"X-User-Key": server.userkey if key is None else key}
    answer = await server.client.get(BEACONS, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_worker_is_noted_with_whatever_it_asks(server):
    number = await server.create(beacon_name="box")
    taking = {"beacon_name": ["box", "other"], "labels": "b,a", "worker": "w 1", "version": "1.2"}
    await server.done("POST", "?action=pickup", **taking)
    await server.act(number, "start", worker="w 1", fence=1)

    (worker,) = await seen(server)

    assert (worker["worker"], worker["status"], worker["version"]) == ("w 1", "alive", "1.2")
    assert (worker["names"], worker["labels"]) == (["box", "other"], ["a", "b"])
    assert worker["jobs"] == [number]
    assert isinstance(worker["last_beat"], int)
    await server.act(number, "end", worker="w 1", fence=1)
    assert (await seen(server))[0]["jobs"] == []


async def test_one_that_names_no_beacon_takes_the_default_ones(server):
    await server.send("POST", "?action=pickup", data={"worker": "w"})

    assert (await seen(server))[0]["names"] == ["default"]


async def test_a_worker_without_a_name_is_nobody(server):
    await server.send("POST", "?action=pickup")

    assert await seen(server) == []


async def test_reading_and_creating_are_no_signs_of_life(server):
    await server.send("GET", "?action=list&worker=w")
    await server.create(worker="w")

    assert await seen(server) == []


async def test_a_worker_that_says_it_goes_is_draining_until_it_asks_again(server):
    goodbye = {"worker": "w", "state": "draining"}
    assert await server.done("POST", "?action=heartbeat", **goodbye) == {"ok": True}
    assert (await seen(server))[0]["status"] == "draining"

    await server.send("POST", "?action=pickup", data={"worker": "w"})

    assert (await seen(server))[0]["status"] == "alive"


async def test_a_question_of_one_that_goes_is_answered_at_once_that_of_others_not(server):
    def ask(worker):
        form = {"worker": worker, "wait": 60}
        return asyncio.create_task(server.send("POST", "?action=pickup", data=form))

    mine, other = ask("w"), ask("v")
    async with asyncio.timeout(60):
        while len(server.beacons.waiters) < 2:
            await asyncio.sleep(0.01)

        await server.done("POST", "?action=heartbeat", worker="w", state="draining")

        assert (await mine).status_code == 204
        assert not other.done()
        await server.done("POST", "?action=heartbeat", worker="v", state="draining")
        assert (await other).status_code == 204


async def test_another_users_worker_cannot_be_sent_away(server):
    stranger = await server.new_key(await server.user(server.token, "eve@example.com"))
    form = {"worker": "w", "wait": 60}
    waiting = asyncio.create_task(server.send("POST", "?action=pickup", data=form))
    async with asyncio.timeout(60):
        while not len(server.beacons.waiters):
            await asyncio.sleep(0.01)

        await server.done("POST", "?action=heartbeat", stranger, worker="w", state="draining")
        await asyncio.sleep(0.1)

        assert not waiting.done()
        await server.done("POST", "?action=heartbeat", worker="w", state="draining")
        await waiting


async def test_users_see_their_own_workers_administrators_all(server):
    stranger = await server.new_key(await server.user(server.token, "eve@example.com"))
    await server.send("POST", "?action=pickup", data={"worker": "boss"})
    await server.send("POST", "?action=pickup", stranger, data={"worker": "eve"})

    assert [each["worker"] for each in await seen(server, stranger)] == ["eve"]
    assert {each["worker"] for each in await seen(server)} == {"boss", "eve"}


async def test_a_key_that_only_reads_sees_workers_and_is_none(server):
    reader = await server.new_key(server.token, Role.READ_ONLY)

    answer = await server.send("POST", "?action=heartbeat", reader, data={"worker": "w"})

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await seen(server, reader) == []


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"headers": {"X-User-Key": "nonsense"}},
        {"headers": {"Authorization": "Bearer nonsense"}},
        {"cookies": {"userkey": "KEY", "session": "KEY"}},
    ],
)
async def test_workers_are_shown_to_nobody_without_a_key(server, sent):
    cookies = dict.fromkeys(sent.get("cookies", ()), server.userkey)
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}

    answer = await server.client.get(BEACONS, headers=sent.get("headers") or header)

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_workers_can_only_be_read(server, method):
    headers = {"X-User-Key": server.userkey}

    answer = await server.client.request(method, BEACONS, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_answers_are_kept_nowhere(server):
    answer = await server.client.get(BEACONS, headers={"X-User-Key": server.userkey})

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"worker": "a\x1b[31m"}, "worker"),
        ({"worker": "a\u202eb"}, "worker"),
        ({"worker": "w" * 201}, "worker"),
        ({"worker": "w", "beacon_name": "a\nb"}, "beacon_name"),
        ({"worker": "w", "version": "v" * 101}, "version"),
        ({"worker": "w", "state": "asleep"}, "state"),
        ({"worker": "w", "state": "draining\x00"}, "state"),
    ],
)
@pytest.mark.parametrize("action", ["pickup", "heartbeat"])
async def test_what_would_steer_a_terminal_or_fill_a_screen_is_refused(server, action, form, field):
    answer = await server.send("POST", f"?action={action}", data=form)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")
    assert field in answer.json()["error"]
    assert await seen(server) == []


async def test_of_many_names_and_labels_some_are_kept(server):
    many = {"beacon_name": [f"n{n}" for n in range(90)], "labels": [f"l{n}" for n in range(90)]}

    await server.send("POST", "?action=pickup", data={"worker": "w", **many})

    (worker,) = await seen(server)
    assert (len(worker["names"]), len(worker["labels"])) == (32, 32)


async def test_a_revoked_key_says_nothing_any_more(server):
    key = await server.new_key(server.token, Role.BEACON)
    caller = await server.access.authenticator.authenticate(server.token)
    for each in await server.access.account_keys.all(caller):
        if each.role is Role.BEACON:
            await server.access.account_keys.delete(caller, each.id)

    answer = await server.send("POST", "?action=heartbeat", key, data={"worker": "w"})

    assert answer.status_code == 401
    assert await seen(server) == []
