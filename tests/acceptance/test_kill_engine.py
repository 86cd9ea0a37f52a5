"""Servers and workers killed and frozen while they work: nothing lost, nothing twice, no stop.

Each test runs one execution over 20,000 resources. A result that changed, was written twice or
went missing would show in the counts, in the items or in the report.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import msgspec
import pytest

from drover.model.execution import State
from drover.model.iteration import FINAL
from drover.model.run import Pace, Target
from tests.acceptance.engine_server import asked, database_of
from tests.contract.jobs_store import Bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RESOURCES = 20_000
ROUNDS = 6
FREEZES = 3
TRIES = 3 * ROUNDS
"""More than there are kills: on a slow machine the same iteration may be hit again and again."""
LEASE_AND_SWEEPS_S = 3.0


class Servers:
    """Processes of servers on one store, and what was done to them."""

    def __init__(self, place, reports):
        self.place = str(place)
        self.reports = reports
        self.running = []

    async def start(self):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.acceptance.engine_server",
            json.dumps({"place": self.place, "reports": str(self.reports)}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        async for line in process.stdout:
            if line.strip() == b"ready":
                break
        assert process.returncode is None
        self.running.append(process)
        return process

    async def kill(self, process):
        self.running.remove(process)
        process.kill()
        await process.wait()

    async def stop(self):
        """Stop all; return how many writes they refused because a lease was lost."""
        fenced = 0
        for process in self.running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            output = (await process.stdout.read()).decode().split()
            await process.wait()
            fenced += int(output[-1])
        self.running = []
        return fenced

    def finished(self):
        """Whether the report of the execution was written."""
        return any(self.reports.rglob("reports/*.csv"))

    async def clean_up(self):
        for process in self.running:
            process.kill()
            await process.communicate()  # its workers end a moment later, and hold its output


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """The place of a store: a file, or the URL of a database."""
    if request.param == "sqlite":
        return tmp_path / "drover.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def servers(place, tmp_path):
    servers = Servers(place, tmp_path / "reports")
    yield servers
    await servers.clean_up()


async def with_store(place, work):
    database = database_of(str(place))
    await database.open()
    try:
        return await work(Bench(database))
    finally:
        await database.close()


async def ask_for_execution(place, **pace):
    async def work(bench):
        await bench.add_devices(RESOURCES)
        detail = msgspec.json.encode(Target(resource_type="device"))
        return (await bench.add(detail=detail, pace=Pace(**pace))).number

    return await with_store(place, work)


async def holds_leases(place, server):
    worker = f"server-{server.pid}"
    return await asked(place, "SELECT count(*) FROM lease WHERE worker = $1", worker)


async def until_it_works(servers, server, seconds=120):
    """Wait until a server holds leases; return False when there is no work left for it."""
    async with asyncio.timeout(seconds):
        while not await holds_leases(servers.place, server):
            if servers.finished():
                return False
            await asyncio.sleep(0.02)
    return True


async def wait_for_end(servers, number, seconds=240):
    """Wait until the execution has ended, which it does once its report is there."""
    state = "SELECT state FROM execution WHERE number = $1"
    async with asyncio.timeout(seconds):
        while not State(await asked(servers.place, state, number)).is_final:
            await asyncio.sleep(0.1)


def children(pid):
    """Return the processes that a process started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(folder.name))
    return found


@contextlib.contextmanager
def all_frozen(server):
    """Hold up a server and its workers."""
    processes = [server.pid, *children(server.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def check_results(place, servers, number):
    async def work(bench):
        execution = await bench.get(number)
        items = await bench.jobs(
            lambda jobs: jobs.items.page(number, states=(), after_id="", limit=RESOURCES + 1)
        )
        return execution, items

    execution, items = await with_store(place, work)
    assert execution.state is State.SUCCEEDED
    assert len(items) == RESOURCES
    assert all(item.state in FINAL for item in items)
    assert execution.succeeded + execution.failed + execution.timed_out == RESOURCES
    assert (execution.in_flight, execution.waiting, execution.remaining) == (0, 0, 0)
    (report,) = servers.reports.rglob("*.csv")
    with report.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len({row["iterationId"] for row in rows}) == len(rows) == RESOURCES
    assert sum(row["status"] == "succeeded" for row in rows) == execution.succeeded
    return execution, max(item.attempt for item in items)


async def test_a_server_killed_again_and_again_leaves_one_result_for_each(place, servers):
    number = await ask_for_execution(place, concurrency=1000, max_retries=TRIES)
    rng = random.Random(7)

    for _ in range(ROUNDS):
        server = await servers.start()
        if await until_it_works(servers, server):
            await asyncio.sleep(rng.uniform(0, 0.3))
        await servers.kill(server)
    await servers.start()
    await wait_for_end(servers, number)
    await servers.stop()

    execution, attempts = await check_results(place, servers, number)
    assert attempts > 1
    assert execution.timed_out == 0


async def test_workers_killed_again_and_again_leave_one_result_for_each(place, servers):
    number = await ask_for_execution(place, concurrency=500, max_retries=TRIES)
    rng = random.Random(11)
    server = await servers.start()

    for _ in range(ROUNDS):
        await until_it_works(servers, server)
        await asyncio.sleep(rng.uniform(0.1, 0.6))
        workers = children(server.pid)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
    await wait_for_end(servers, number)
    await servers.stop()

    execution, attempts = await check_results(place, servers, number)
    assert attempts > 1
    assert execution.timed_out == 0


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_server_frozen_beyond_its_lease_cannot_write_when_it_wakes(place, servers):
    frozen = await servers.start()
    await servers.start()  # goes on meanwhile
    number = await ask_for_execution(place, concurrency=1000, max_retries=TRIES)

    frozen_with_work = 0
    while frozen_with_work < FREEZES and not servers.finished():
        with all_frozen(frozen):
            if await holds_leases(place, frozen):
                frozen_with_work += 1
                await asyncio.sleep(LEASE_AND_SWEEPS_S)
        await asyncio.sleep(0.05)
    await wait_for_end(servers, number)
    await servers.stop()

    execution, attempts = await check_results(place, servers, number)
    assert frozen_with_work
    assert attempts > 1
    assert execution.timed_out == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_server_alone_goes_on_with_its_work_when_it_was_frozen(place, servers):
    number = await ask_for_execution(place, concurrency=1000, max_retries=TRIES)
    frozen = await servers.start()

    for _ in range(FREEZES):
        await until_it_works(servers, frozen)
        with all_frozen(frozen):
            await asyncio.sleep(LEASE_AND_SWEEPS_S)
    await wait_for_end(servers, number)
    await servers.stop()

    # No word of attempts: it may renew its leases before it looks at them.
    execution, _ = await check_results(place, servers, number)
    assert execution.timed_out == 0


async def test_a_server_asked_to_stop_ends_in_time_and_hands_its_work_back(place, servers):
    number = await ask_for_execution(place, concurrency=1000, max_retries=TRIES)
    server = await servers.start()
    assert await until_it_works(servers, server)

    began = time.monotonic()
    await servers.stop()
    took = time.monotonic() - began

    execution = await with_store(place, lambda bench: bench.get(number))
    assert took < 40
    assert execution.in_flight == 0
    await servers.start()
    await wait_for_end(servers, number)
    await servers.stop()
    await check_results(place, servers, number)
