"""Every command of the guide on resource jobs runs, in order, against a real server."""

from __future__ import annotations

import subprocess

import pytest

from examples.serving import serving
from tests.docs.test_pages_run import script_of

PAGE = "docs/guides/resource-jobs.md"


@pytest.fixture
def prepared():
    with serving(sweep_seconds=0.2, workers=1, script_workers=1) as server:
        client, base = server.client, f"/applications/{server.application_id()}"
        tags = [{"key": "site", "value": "north"}]
        devices = [
            client.post(f"{base}/devices", {"name": name, "tags": tags})
            for name in ("good", "broken")
        ]
        query = '{"tags": {"site": "{{ctx.site}}"}}'
        job = client.post(
            f"{base}/resource-jobs", {"name": "J", "resourceType": "device", "queryJson": query}
        )
        client.post(f"{base}/flows", flow(job["id"]))
        yield {
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "JOB_URL": f"{server.url}{base}/resource-jobs/{job['id']}",
            "TOKEN": client.token,
            "DEVICE": devices[0]["id"],
        }


def flow(job_id):
    return {
        "name": "Flow",
        "triggers": [
            {"type": "resourceJobIteration", "key": job_id, "config": {}, "meta": {},
             "outputIds": [["a"]]}
        ],
        "nodes": [
            {"id": "a", "type": "ResourceJobAcknowledgeNode", "meta": {}, "outputIds": [],
             "config": {"successExpression": "{{data.device.name}} != 'broken'"}}
        ],
    }  # fmt: skip


def test_the_commands_of_the_guide_run_as_they_stand(prepared):
    done = subprocess.run(
        ["bash", "-c", script_of(PAGE)],
        env=prepared,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout
    assert '"count":2' in lines
    assert '"status":"completed"' in lines
    assert lines.count(",failed,") == 1
    assert '"retryOf"' in lines
