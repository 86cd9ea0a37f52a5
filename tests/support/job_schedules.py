"""Schedules of resource jobs: made, looked at, and the executions that come of them."""

from __future__ import annotations

from contextlib import asynccontextmanager

from tests.contract.jobs_store import APPLICATION
from tests.support.jobs_bench import JobsBench


@asynccontextmanager
async def opened(database):
    """A bench whose runs by schedule are ended with it."""
    bench = JobsBench(database)
    yield bench
    await bench.work.schedules.runs.stop()
    await bench.client.aclose()


async def made(bench, path=None, **body):
    """Make a schedule, of a new job if none is given; return its path."""
    path = path or await bench.job()
    body = body if {"cron", "seconds", "min", "hour"} & body.keys() else {"hour": 3, **body}
    answer = await bench.ok("POST", f"{path}/schedules", body)
    return f"{path}/schedules/{answer['id']}"


def job_of(path):
    return path.partition("/schedules")[0]


async def executions(bench, path):
    """Return the executions of a schedule's job, oldest first."""
    found = await bench.ok("GET", f"{job_of(path)}/executions")
    return found["items"][::-1]


async def tagged(bench, *zones, tag="timezone"):
    """Add devices, each with the tags given for it."""
    for number, zone in enumerate(zones):
        tags = [{"key": tag, "value": value} for value in ([zone] if zone else [])]
        await bench.ok(
            "POST", f"/applications/{APPLICATION}/devices", {"name": f"d{number}", "tags": tags}
        )
