"""A process that only works, beside a server that only answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import httpx
import pytest

from examples.serving import serving
from tests.acceptance.test_resource_jobs_with_the_vendors_client import new_database
from tests.acceptance.test_servers_with_split_roles import wait_for

pytestmark = pytest.mark.processes_measured

WORKER = (sys.executable, "-m", "drover.main", "worker")


def worker_with(environ, *options):
    return subprocess.run(
        [*WORKER, *options],
        env=os.environ | environ,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def shared(postgres_server, tmp_path_factory):
    return {
        "database": new_database(postgres_server),
        "blobs": str(tmp_path_factory.mktemp("blobs")),
        "report_key": "a secret that both of them know",
        "min_iteration_timeout_ms": 300,
        "sweep_seconds": 0.2,
        "handlers": "tests.acceptance.handlers",
        "workers": 1,
    }


@pytest.fixture(scope="module")
def working(shared, tmp_path_factory):
    """A worker process, and the address of its health."""
    environ = {f"DROVER_{name.upper()}": str(value) for name, value in shared.items()}
    folder = str(tmp_path_factory.mktemp("worker"))
    command = [*WORKER, "--health-port", "0", "--data-dir", folder]
    with subprocess.Popen(
        command, env=os.environ | environ, stdout=subprocess.PIPE, text=True
    ) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        line = process.stdout.readline()
        timer.cancel()
        yield process, re.search(r"(http://\S+)/health", line)[1]
        process.terminate()
        process.wait(30)


def test_a_worker_does_the_work_of_a_server_and_ends_when_told(shared, working):
    process, health = working
    with serving(**shared, roles="api") as api:
        base = f"/applications/{api.application_id()}"
        api.client.post(f"{base}/devices", {"name": "Pump"})
        job = api.client.post(f"{base}/resource-jobs", {"name": "Job", "resourceType": "device"})
        nodes = [
            {"id": "n", "type": "PythonHandlerNode", "meta": {}, "outputIds": [["a"]],
             "config": {"handler": "no-op"}},
            {"id": "a", "type": "ResourceJobAcknowledgeNode", "meta": {}, "outputIds": [],
             "config": {"successExpression": "true"}},
        ]  # fmt: skip
        trigger = {"type": "resourceJobIteration", "key": job["id"], "config": {}, "meta": {}}
        flow = {"name": "F", "triggers": [{**trigger, "outputIds": [["n"]]}], "nodes": nodes}
        api.client.post(f"{base}/flows", flow)
        path = f"{base}/resource-jobs/{job['id']}"

        execution = api.client.post(f"{path}/execute")["executionId"]
        entry = f"{path}/executions/{execution}"
        wait_for(lambda: api.client.get(entry)["status"] == "completed", seconds=60)

        assert api.client.get(entry)["executionSummary"]["succeeded"] == 1
    assert httpx.get(f"{health}/health").status_code == 200
    assert "drover_" in httpx.get(f"{health}/metrics").text
    assert httpx.get(f"{health}{base}").status_code == 404
    process.terminate()
    assert process.wait(30) == 0


def test_a_worker_needs_a_database_it_can_share():
    ended = worker_with({"DROVER_DATABASE": ""})

    assert ended.returncode == 1
    assert "--database" in ended.stderr


def test_a_worker_has_no_api():
    ended = worker_with({}, "--database", "postgresql://nowhere", "--roles", "api,engine")

    assert ended.returncode == 1
    assert "no API" in ended.stderr


def test_the_machine_is_measured_beside_bare_sqlite():
    ended = subprocess.run(
        [sys.executable, "-m", "drover.main", "bench", "--items", "200"],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"COLUMNS": "160"},
    )

    assert ended.returncode == 0, ended.stderr
    rows = re.findall(r"│ (durable write|GET one job|fan-out)[^│]*│ ([\d,]+) +│", ended.stdout)
    assert [name for name, _ in rows] == ["durable write", "GET one job", "fan-out"]
    assert all(int(rate.replace(",", "")) > 0 for _, rate in rows)
