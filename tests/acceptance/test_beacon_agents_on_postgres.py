"""Agents as real processes against two servers that share one PostgreSQL."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

import pytest

from drover.client import BeaconWork
from drover.client.beacon_work import Ending
from examples.serving import serving
from tests.conftest import created
from tests.support.beacon_agents import Jobs, agent, alive, refusal, until

SETTINGS = {
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": 0.5,
    "admin_password": "Correct-horse-9",
    "callback_key": "k" * 16,
    "report_key": "k" * 16,
}


@pytest.fixture(scope="module")
def database(postgres_server):
    """The URL of a database of this module's own."""
    return asyncio.run(created(postgres_server, "beacon_agents"))


@pytest.fixture(scope="module")
def world(database):
    """Two servers, the key of a beacon, and the jobs of a user as the second server shows them."""
    settings = {"database": database, **SETTINGS}
    with serving(**settings) as first, serving(**settings) as second:
        keys = {
            role: first.client.post("/me/keys", {"name": role, "role": role})["userkey"]
            for role in ("user", "beacon")
        }
        with Jobs(second.url, keys["user"]) as jobs:
            yield first.url, second.url, keys["beacon"], jobs


def test_jobs_made_at_one_server_are_done_once_each_by_agents_of_both(world, tmp_path):
    first, second, key, jobs = world
    done = tmp_path / "done"
    task = {"command": f"echo $DROVER_JOB_ID >> {done}"}
    words = ("--name", "many", "--concurrency", "2")
    with (
        agent(first, key, tmp_path / "a" / "spool", *words),
        agent(second, key, tmp_path / "b" / "spool", *words),
    ):
        numbers = [jobs.add(task, beacon="many") for _ in range(20)]
        found = [jobs.ended(number) for number in numbers]

    assert Counter(map(int, done.read_text().split())) == Counter(numbers)
    assert {(job.status, job.attempts) for job in found} == {("complete", 0)}


def test_the_job_of_an_agent_that_is_killed_is_done_by_one_of_another_server(world, tmp_path):
    first, second, key, jobs = world
    task = {"command": "echo $$; test $DROVER_ATTEMPT = 1 || sleep 1000"}
    job_id = jobs.add(task, beacon="kill")
    with agent(first, key, tmp_path / "a" / "spool", "--name", "kill") as killed:
        (pid,) = jobs.pids(job_id, 1)
        before = jobs.show(job_id)
        killed.end(signal.SIGKILL)
    until(lambda: not alive(pid))

    with agent(second, key, tmp_path / "b" / "spool", "--name", "kill"):
        job = jobs.ended(job_id)

    assert (job.status, job.attempts) == ("complete", 1)
    assert job.worker != before.worker
    with BeaconWork(first, key, before.worker) as late:
        refused = refusal(lambda: late.end(before, Ending(results=[{"late": True}])))
    assert refused.status == 409
    assert jobs.show(job_id).result == job.result
