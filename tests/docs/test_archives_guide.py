"""Every command of the guide to archives runs, in order, against a real server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from examples.serving import EMAIL, serving

PAGE = Path("docs/guides/archives.md")
PASSWORD = "a password of a guide"


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    with serving(admin_password=PASSWORD, sweep_seconds=0.5, workers=1) as server:
        done = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "URL": server.url,
                "EMAIL": EMAIL,
                "PASSWORD": PASSWORD,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        files = [str(each) for each in server.data_dir.rglob("archives/**/*.csv.gz")]

    assert done.returncode == 0, done.stderr
    (archived,) = [line for line in done.stdout.splitlines() if line.startswith("archived ")]
    assert '"status":"completed"' in archived
    assert '"points":1' in archived
    assert any("/archives/plants/north/" in each for each in files)
    assert done.stdout.splitlines()[-2:][0] == '"Timestamp","ISO Date","heat"'
