"""Every command of the guide on backups runs, in order, against a real server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from examples.serving import serving
from tests.docs.test_pages_run import script_of

PAGE = "docs/guides/backup.md"


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    page = Path(PAGE).resolve()
    with serving(workers=1, script_workers=1) as server:
        client, here = server.client, server.application_id()
        client.post(f"/applications/{here}/devices", {"name": "Pump"})
        environ = {
            "PATH": os.environ["PATH"],
            "URL": server.url,
            "TOKEN": client.token,
            "PLANT": here,
        }
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script_of(str(page))],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert "devices.yaml" in done.stdout
    assert "completed" in done.stdout
    assert "Pump" in done.stdout
    assert "Copy of " in done.stdout
    assert "['starter', 'water']" in done.stdout
