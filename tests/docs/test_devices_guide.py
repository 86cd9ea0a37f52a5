"""The commands of the guide to live devices run as they stand."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from examples.serving import EMAIL, serving

PAGE = Path("docs/guides/devices.md")


def test_the_commands_of_the_guide_run_in_order(tmp_path):
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    with serving(admin_password="a password of the guide") as server:
        done = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
            cwd=tmp_path,
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "URL": server.url,
                "EMAIL": EMAIL,
                "PASSWORD": "a password of the guide",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith('stop\n{"success":true}4\n4.5\n')
