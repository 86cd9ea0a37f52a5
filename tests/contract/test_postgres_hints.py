"""Servers on one PostgreSQL wake each other; who waits is not kept waiting for the next look."""

from __future__ import annotations

import asyncio
from functools import partial

import asyncpg
import pytest
import pytest_asyncio

from drover.engine.loops import Loop
from drover.store import postgres_hints
from drover.store.postgres import PostgresDatabase
from drover.store.postgres_hints import PostgresHints
from tests.support.tmm_server import TmmServer

NEVER_S = 100_000
PATIENCE_S = 60
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'drover hints' AND datname = current_database()
"""


class Ears:
    """What was heard, by topic."""

    def __init__(self):
        self.heard = {"a": asyncio.Event(), "b": asyncio.Event()}

    @property
    def topics(self):
        return {name: event.set for name, event in self.heard.items()}

    async def hears(self, topic):
        async with asyncio.timeout(PATIENCE_S):
            await self.heard[topic].wait()
        self.heard[topic].clear()


@pytest.fixture
def tasks():
    """Tasks that end with the test."""
    return []


@pytest_asyncio.fixture
async def listen(empty_postgres_url, tasks):
    """Start one that tells and listens; it is listening when it is returned."""

    async def start(topics):
        hints = PostgresHints(empty_postgres_url, topics)
        tasks.append(asyncio.create_task(hints.run()))
        async with asyncio.timeout(PATIENCE_S):
            await hints.listening.wait()
        return hints

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _outside(url, statement):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_who_begins_to_listen_looks_at_everything_once(listen):
    ears = Ears()

    await listen(ears.topics)

    assert all(event.is_set() for event in ears.heard.values())


async def test_a_topic_is_heard_by_the_others_and_not_by_who_told_it(listen):
    teller, one, other = Ears(), Ears(), Ears()
    hints = await listen(teller.topics)
    for ears in (one, other):
        await listen(ears.topics)
    for ears in (teller, one, other):
        ears.heard["a"].clear()
        ears.heard["b"].clear()

    hints.tell("a")
    hints.tell("nobody knows this one")
    await one.hears("a")
    await other.hears("a")

    assert not teller.heard["a"].is_set()
    assert not one.heard["b"].is_set()


async def test_a_connection_that_breaks_is_made_anew_and_what_was_missed_is_looked_at(
    listen, empty_postgres_url
):
    ears = Ears()
    hints = await listen(ears.topics)
    await ears.hears("a")

    await _outside(empty_postgres_url, KILL)

    await ears.hears("a")
    teller = await listen({})
    teller.tell("a")
    await ears.hears("a")
    assert hints.listening.is_set()


async def test_what_is_told_while_the_connection_is_broken_is_told_later(
    listen, empty_postgres_url, monkeypatch
):
    monkeypatch.setattr(postgres_hints, "_FIRST_PAUSE_S", 0.01)
    ears = Ears()
    hints = await listen({})
    await listen(ears.topics)
    await ears.hears("a")
    hints.listening.clear()
    await _outside(empty_postgres_url, KILL)

    hints.tell("a")

    await ears.hears("a")


async def test_a_server_that_is_away_is_tried_again(monkeypatch, tasks):
    tried = asyncio.Queue()

    async def refused(*_given, **_named):
        tried.put_nowait(1)
        raise ConnectionRefusedError("not there")

    monkeypatch.setattr(postgres_hints, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(postgres_hints.asyncpg, "connect", refused)
    running = asyncio.create_task(PostgresHints("postgres://nowhere", {}).run())

    async with asyncio.timeout(PATIENCE_S):
        for _ in range(3):
            await tried.get()

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_quiet_connection_is_proved_now_and_then(listen, monkeypatch):
    monkeypatch.setattr(postgres_hints, "PROOF_S", 0.001)
    proved = asyncio.Event()
    real = PostgresHints._tell

    async def counted(self, connection):
        await real(self, connection)
        proved.set()

    monkeypatch.setattr(PostgresHints, "_tell", counted)

    await listen({})

    async with asyncio.timeout(PATIENCE_S):
        await proved.wait()


@pytest_asyncio.fixture
async def two_servers(postgres_url, tasks):
    """Two servers on one database that wake each other, and never look unless they are woken."""
    servers = []
    for _ in range(2):
        database = PostgresDatabase(postgres_url)
        await database.open()
        server = TmmServer(database)
        shared = server.heart.signals.shared
        hints = PostgresHints(postgres_url, {name: wake.here for name, wake in shared.items()})
        for name, wake in shared.items():
            wake.elsewhere = partial(hints.tell, name)
        watch = Loop("watch", server.beacons.watch.tick, server.heart.signals.beacons, NEVER_S)
        tasks += [asyncio.create_task(hints.run()), asyncio.create_task(watch.run())]
        async with asyncio.timeout(PATIENCE_S):
            await hints.listening.wait()
        servers.append(server)
    first, second = servers
    await first.begin()
    second.userkey = first.userkey
    yield first, second
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for server in servers:
        await server.close()
        await server.database.close()


async def test_who_waits_at_one_server_is_woken_by_a_job_created_at_another(two_servers):
    first, second = two_servers
    waiting = asyncio.create_task(first.done("POST", "?action=pickup&wait=60"))
    while not len(first.beacons.waiters):
        await asyncio.sleep(0)
    while first.heart.signals.beacons.is_set():  # the first look found nothing
        await asyncio.sleep(0.01)

    number = await second.create()

    assert (await waiting)["id"] == number


async def test_who_waits_at_one_server_is_woken_when_a_beacon_is_resumed_at_another(two_servers):
    first, second = two_servers
    await second.done("POST", "", action="pause")
    number = await second.create()
    waiting = asyncio.create_task(first.done("POST", "?action=pickup&wait=60"))
    while not len(first.beacons.waiters):
        await asyncio.sleep(0)
    while first.heart.signals.beacons.is_set():
        await asyncio.sleep(0.01)

    await second.done("POST", "", action="resume")

    assert (await waiting)["id"] == number


async def test_a_schedule_made_at_one_server_wakes_the_scheduler_of_another(two_servers):
    first, second = two_servers
    first.heart.signals.schedule.clear()

    await second.done("POST", "", name="often", schedule="1", min="*")

    async with asyncio.timeout(PATIENCE_S):
        await first.heart.signals.schedule.wait()


async def test_who_works_at_one_server_hears_of_a_task_asked_to_stop_at_another(two_servers):
    first, second = two_servers

    with first.heart.signals.stops.heard() as told:
        second.heart.signals.asked()
        async with asyncio.timeout(PATIENCE_S):
            await told.wait()
