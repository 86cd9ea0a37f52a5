"""One server answers, one runs the jobs, one looks at the clock; they share a database and the place of reports."""

from __future__ import annotations

import csv
import io
import time

import httpx
import pytest

from examples.serving import serving
from tests.acceptance.test_resource_jobs_with_the_vendors_client import new_database


@pytest.fixture
def pair(postgres_server, tmp_path):
    shared = {
        "database": new_database(postgres_server),
        "blobs": str(tmp_path / "blobs"),
        "report_key": "a secret that both of them know",
        "admin_password": "one for both of them",
        "min_iteration_timeout_ms": 300,
        "min_schedule_seconds": 0.5,
        "sweep_seconds": 0.2,
        "workers": 1,
        "script_workers": 1,
    }
    with (
        serving(str(tmp_path / "api"), **shared, roles="api") as api,
        serving(str(tmp_path / "engine"), **shared, roles="engine") as engine,
        serving(str(tmp_path / "scheduler"), **shared, roles="scheduler"),
    ):
        yield api, engine


def test_what_one_server_is_asked_for_another_does(pair):
    api, engine = pair
    base = f"/applications/{api.application_id()}"
    device = api.client.post(f"{base}/devices", {"name": "Pump"})
    job = api.client.post(f"{base}/resource-jobs", {"name": "Job", "resourceType": "device"})
    api.client.post(
        f"{base}/flows",
        {
            "name": "Flow",
            "triggers": [
                {"type": "resourceJobIteration", "key": job["id"], "config": {},
                 "meta": {}, "outputIds": [["a"]]}
            ],
            "nodes": [
                {"id": "a", "type": "ResourceJobAcknowledgeNode", "meta": {}, "outputIds": [],
                 "config": {"successExpression": "true"}}
            ],
        },
    )  # fmt: skip
    path = f"{base}/resource-jobs/{job['id']}"

    execution_id = api.client.post(f"{path}/execute")["executionId"]
    events = [event for _, event in api.client.events(f"{path}/executions/{execution_id}/progress")]

    assert events[-1]["status"] == "completed"
    for server in (api, engine):
        entry = server.client.get(f"{path}/executions/{execution_id}")
        report = httpx.get(entry["executionReportUrl"])
        assert report.status_code == 200
        (row,) = csv.DictReader(io.StringIO(report.text))
        assert (row["resourceId"], row["status"]) == (device["id"], "succeeded")
    elsewhere = entry["executionReportUrl"].replace(engine.url, api.url)
    assert httpx.get(elsewhere).status_code == 200


def test_what_one_server_acknowledges_another_goes_on_from(pair):
    api, _ = pair
    base = f"/applications/{api.application_id()}"
    ids = sorted(api.client.post(f"{base}/devices", {"name": f"{n}"})["id"] for n in range(2))
    job = api.client.post(f"{base}/resource-jobs", {"name": "Job", "resourceType": "device"})
    path = f"{base}/resource-jobs/{job['id']}"
    execution = f"{path}/executions/{api.client.post(f'{path}/execute')['executionId']}"
    execution_id = execution.rpartition("/")[2]

    for device_id in ids:  # one after the other: the second begins when the first has ended
        place = f"{execution}/iterations/{execution_id}-{device_id}/acknowledge"
        wait_for(lambda: api.client.get(execution)["executionSummary"]["inProgress"] == 1)
        api.client.post(place, {"success": True})

    wait_for(lambda: api.client.get(execution)["status"] == "completed")


def test_what_is_due_by_the_clock_of_one_server_another_runs(pair):
    api, _ = pair
    base = f"/applications/{api.application_id()}"
    job = api.client.post(f"{base}/resource-jobs", {"name": "Job", "resourceType": "device"})
    path = f"{base}/resource-jobs/{job['id']}"

    schedule = api.client.post(f"{path}/schedules", {"seconds": 0.5})

    wait_for(lambda: len(api.client.get(f"{path}/executions")["items"]) > 1)
    wait_for(lambda: api.client.get(f"{path}/executions")["items"][-1]["status"] == "completed")
    api.client.post(f"{path}/schedules/{schedule['id']}/pause")
    assert "lastError" not in api.client.get(f"{path}/schedules/{schedule['id']}")


def wait_for(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
