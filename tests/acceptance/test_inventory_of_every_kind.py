"""Jobs of every kind stand side by side in the inventory, and are ended there."""

from __future__ import annotations

import time

import pytest

from drover.client import BeaconWork, Cron, NewJob, TaskJobs
from examples.serving import EMAIL, serving

ROOT = "/ws/v1/jobs"


@pytest.fixture(scope="module")
def server():
    with serving(sweep_seconds=0.5) as running:
        yield running


@pytest.fixture(scope="module")
def userkey(server):
    return server.client.post("/me/keys", {"name": "user", "role": "user"})["userkey"]


@pytest.fixture(scope="module")
def beaconkey(server):
    return server.client.post("/me/keys", {"name": "beacon", "role": "beacon"})["userkey"]


def _job(server, number):
    return server.client.get(f"{ROOT}/{number}")


def test_a_beacons_job_is_one_row_with_its_progress_and_is_canceled_there(
    server, userkey, beaconkey
):
    with (
        TaskJobs(server.url, userkey) as tasks,
        BeaconWork(server.url, beaconkey, "a worker") as work,
    ):
        queued = tasks.create(
            NewJob(name="nightly", tasks=[{"command": "true"}, {"command": "true"}])
        )
        held = tasks.create(NewJob(name="held", tasks=[{"command": "true"}], beacon_name="other"))
        tasks.create(NewJob(name="again", tasks=[], cron=Cron(min="0", hour="3")))
        work.pick_up(held.id)

        listed = server.client.get(f"{ROOT}/inventory", query="job_type = 'beacon'")["list"]
        spoken = {
            word: [
                job["job_name"]
                for job in server.client.get(f"{ROOT}/inventory", query=f"status = '{word}'")[
                    "list"
                ]
            ]
            for word in ("picked_up", "queued")
        }
        answer = server.client.change(
            "PUT", f"{ROOT}/inventory/cancel", query="source = 'beacon' and status <> 'canceled'"
        )
        told = {
            job.id: (job.status, job.cancel_requested)
            for job in map(tasks.show, (queued.id, held.id))
        }

    assert [job["id"] for job in listed] == [held.id, queued.id]
    first = listed[1]
    assert {
        name: first[name]
        for name in ("status", "source", "username", "job_name", "progress_percent")
    } == {
        "status": "new",
        "source": "beacon",
        "username": EMAIL,
        "job_name": "nightly",
        "progress_percent": 0,
    }
    assert first["submit_time"].endswith("Z")
    assert spoken == {"picked_up": ["held"], "queued": ["nightly"]}
    assert answer["list"] == [
        {"id": held.id, "status": "in_progress"},
        {"id": queued.id, "status": "canceled"},
    ]
    assert told[queued.id] == ("canceled", True)
    assert told[held.id][1] is True


def test_a_run_of_a_resource_job_is_the_same_in_both_dialects(server):
    base = f"/applications/{server.application_id()}"
    device = server.client.post(f"{base}/devices", {"name": "pump"})
    job = server.client.post(
        f"{base}/resource-jobs",
        {
            "name": "Sweep",
            "resourceType": "device",
            "defaultContext": '{"site": {"code": "N1"}}',
            "iterationTimeout": 600_000,
        },
    )
    path = f"{base}/resource-jobs/{job['id']}"
    execution = server.client.post(f"{path}/execute", {})["executionId"]

    (row,) = server.client.get(f"{ROOT}/inventory", query="context.site.code = 'n1'")["list"]
    _until(lambda: _job(server, row["id"]).get("target_count") == 1)
    server.client.change("PUT", f"{ROOT}/cancel{row['id']}")
    iteration = f"{path}/executions/{execution}/iterations/{execution}-{device['id']}"
    server.client.post(f"{iteration}/acknowledge", {"success": True})
    _until(lambda: _job(server, row["id"])["status"] == "canceled")

    ended = _job(server, row["id"])
    logged = server.client.get(f"{path}/executions/{execution}")
    assert (row["job_type"], row["source"], row["source_id"]) == (
        "resource_job",
        "resource_job",
        execution,
    )
    assert (ended["username"], ended["job_name"], ended["targets"]) == (
        EMAIL,
        "Sweep",
        [device["id"]],
    )
    assert logged["status"] == "canceled"
    assert ended["target_count"] == sum(logged["executionSummary"].values())


def _until(holds) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that within a minute")
