"""Beacon jobs over real servers: one winner of many pickups, leases that run out, clean stops.

``DROVER_RACE_ROUNDS`` sets how many rounds the race has; 200 is its full form.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import httpx
import pytest

from examples.serving import serving
from tests.conftest import created
from tests.support.beacon_agents import until

ROUNDS = int(os.environ.get("DROVER_RACE_ROUNDS", "6"))
AT_ONCE = 100
LEASE_S, SWEEP_S = 1.0, 0.25
PATH = "/api/jobs"

PICKS_UP_AND_HANGS = """
import sys, time, httpx
url, key, path = sys.argv[1:]
print(httpx.post(url + path, params={"action": "start", "worker": "a"},
    headers={"X-User-Key": key}).json()["fence"], flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def race_url(postgres_server):
    """A database of this module's own, shared by two servers."""
    return asyncio.run(created(postgres_server, "beacon_races"))


@pytest.fixture(scope="module")
def servers(race_url, tmp_path_factory):
    """Two servers over one PostgreSQL, and an administrator's key."""
    settings = {
        "database": race_url,
        "admin_password": "Correct-horse-9",
        "workers": 1,
        "beacon_lease_seconds": 30,
        "sweep_seconds": SWEEP_S,
        "callback_key": "k" * 16,
        "report_key": "k" * 16,
    }
    with serving(**settings) as first, serving(**settings) as second:
        made = first.client.post("/me/keys", {"name": "race", "role": "administrator"})
        yield [first.url, second.url], made["userkey"]


async def _race(urls, key, rounds):
    # A busy machine takes seconds for a round: connections are not to be given up in between.
    limits = httpx.Limits(max_connections=AT_ONCE, keepalive_expiry=60)
    async with httpx.AsyncClient(headers={"X-User-Key": key}, limits=limits, timeout=120) as client:
        for _ in range(rounds):
            made = await client.post(urls[0] + PATH, data={"name": "race", "q": "1"})
            path = f"{PATH}/{made.json()['id']}"
            answers = await asyncio.gather(
                *(
                    client.request(
                        "GET" if n % 4 < 2 else "POST",
                        urls[n % 2] + path,
                        params={"action": "pickup", "worker": f"w{n}"},
                    )
                    for n in range(AT_ONCE)
                )
            )
            _check_one_won(answers, (await client.get(urls[1] + path)).json())


def _check_one_won(answers, shown):
    won = [each.json() for each in answers if each.status_code == 200]
    assert sorted({each.status_code for each in answers}) == [200, 409]
    assert len(won) == 1
    assert (shown["worker"], shown["fence"]) == (won[0]["worker"], won[0]["fence"]) != (None, 0)


@pytest.mark.timeout(300 + 10 * ROUNDS)
def test_of_a_hundred_simultaneous_pickups_over_two_servers_one_wins(servers):
    urls, key = servers

    asyncio.run(_race(urls, key, ROUNDS))


async def _take_all(urls, key, jobs, workers):
    async with httpx.AsyncClient(headers={"X-User-Key": key}, timeout=120) as client:
        for n in range(jobs):
            await client.post(
                urls[n % 2] + PATH, data={"name": f"j{n}", "q": "1", "beacon_name": "all"}
            )

        async def worker(number):
            taken = []
            while True:
                answer = await client.post(
                    urls[number % 2] + PATH,
                    params={"action": "pickup", "beacon_name": "all", "worker": f"w{number}"},
                )
                assert answer.status_code in (200, 204)
                if answer.status_code == 204:
                    return taken
                taken.append(answer.json()["id"])

        return await asyncio.gather(*(worker(n) for n in range(workers)))


def test_workers_of_two_servers_take_each_job_once(servers):
    urls, key = servers

    taken = asyncio.run(_take_all(urls, key, jobs=40, workers=8))

    numbers = [number for each in taken for number in each]
    assert len(numbers) == len(set(numbers)) == 40


def test_who_waits_at_one_server_is_handed_a_job_created_at_the_other(servers):
    urls, key = servers
    headers = {"X-User-Key": key}
    answers = []

    def wait():
        query = {"action": "pickup", "beacon_name": "far", "wait": "60"}
        answers.append(httpx.post(urls[0] + PATH, params=query, headers=headers, timeout=120))

    waiting = threading.Thread(target=wait)
    waiting.start()
    made = httpx.post(
        urls[1] + PATH, data={"name": "far", "q": "1", "beacon_name": "far"}, headers=headers
    )
    waiting.join(90)

    assert answers[0].json()["id"] == made.json()["id"]


@pytest.fixture(scope="module")
def single():
    """A server on SQLite with short clocks, and an administrator's key."""
    with serving(workers=1, beacon_lease_seconds=LEASE_S, sweep_seconds=SWEEP_S) as server:
        made = server.client.post("/me/keys", {"name": "race", "role": "administrator"})
        headers = {"X-User-Key": made["userkey"]}
        with httpx.Client(base_url=server.url, headers=headers, timeout=120) as client:
            yield server, client, made["userkey"]


def test_the_job_of_a_killed_worker_goes_to_another_and_its_late_end_is_refused(single):
    server, client, key = single
    number = client.post(PATH, data={"name": "kill", "q": "1"}).json()["id"]
    path = f"{PATH}/{number}"
    with subprocess.Popen(
        [sys.executable, "-c", PICKS_UP_AND_HANGS, server.url, key, path],
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        fence = worker.stdout.readline().strip()
        worker.send_signal(signal.SIGKILL)
    began = time.monotonic()

    second = client.post(PATH, params={"action": "pickup", "worker": "b", "wait": "60"})

    waited_s = time.monotonic() - began
    assert (second.status_code, second.json()["id"], second.json()["attempts"]) == (200, number, 1)
    assert waited_s < LEASE_S + 2 * SWEEP_S + 30  # the machine may be busy
    late = client.post(path, params={"action": "end", "fence": fence}, data={"result[]": "1"})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert late.json()["job"]["result"] == client.get(path).json()["result"] == []


def waiting_at(server) -> float:
    """Return how many requests wait for a job at a server."""
    lines = httpx.get(f"{server.url}/metrics", timeout=60).text.splitlines()
    (value,) = (line.split()[1] for line in lines if line.startswith("drover_beacons_waiting "))
    return float(value)


def test_who_leaves_while_waiting_is_handed_nothing(single):
    server, client, key = single
    leaving = HTTPConnection(server.url.removeprefix("http://"))
    leaving.request(
        "POST", f"{PATH}?action=pickup&beacon_name=gone&wait=60", headers={"X-User-Key": key}
    )
    until(lambda: waiting_at(server) == 1)
    leaving.close()
    until(lambda: waiting_at(server) == 0)

    made = client.post(PATH, data={"name": "a", "q": "1", "beacon_name": "gone"}).json()
    taken = client.post(PATH, params={"action": "pickup", "beacon_name": "gone"}).json()

    assert (taken["id"], taken["fence"]) == (made["id"], 1)


def test_who_waits_is_sent_away_when_the_server_stops():
    with serving(workers=1) as server:
        made = server.client.post("/me/keys", {"name": "race", "role": "administrator"})
        answers = []

        def wait():
            answers.append(
                httpx.post(
                    server.url + PATH,
                    params={"action": "pickup", "wait": "60"},
                    headers={"X-User-Key": made["userkey"]},
                    timeout=120,
                )
            )

        waiting = threading.Thread(target=wait)
        waiting.start()
        until(lambda: waiting_at(server) == 1)
        began = time.monotonic()
        server.process.terminate()
        waiting.join(60)
        server.process.wait(60)

    assert answers[0].status_code == 204
    assert time.monotonic() - began < 40  # much sooner than nobody comes
