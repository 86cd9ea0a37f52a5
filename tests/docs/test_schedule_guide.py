"""Every command of the guide on schedules runs, in order, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.serving import serving
from tests.docs.test_pages_run import script_of

PAGE = "docs/guides/schedules.md"
COMMAND = f'drover() {{ "{sys.executable}" -m drover.main "$@"; }}\n'


@pytest.fixture
def prepared(tmp_path):
    with serving(sweep_seconds=0.2, workers=1, script_workers=1) as server:
        client, base = server.client, f"/applications/{server.application_id()}"
        tags = [{"key": "timezone", "value": "Asia/Kathmandu"}]
        client.post(f"{base}/devices", {"name": "Pump", "tags": tags})
        job = client.post(f"{base}/resource-jobs", {"name": "Sweep", "resourceType": "device"})
        yield {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            "XDG_CONFIG_HOME": str(tmp_path),
            "JOB_URL": f"{server.url}{base}/resource-jobs/{job['id']}",
            "DROVER_URL": server.url,
            "DROVER_TOKEN": client.token,
            "TOKEN": client.token,
            "COLUMNS": "200",
        }


def test_the_commands_of_the_guide_run_as_they_stand(prepared):
    done = subprocess.run(
        ["bash", "-c", COMMAND + script_of(PAGE)],
        env=prepared,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "every 600 s" in done.stdout
    assert "min=30 hour=3 dow=mon-fri" in done.stdout
    assert "T03:30:00+0" in done.stdout
    assert "+05:45" in done.stdout
    assert '"lastExecutionId"' in done.stdout
    assert '"success":true' in done.stdout
