"""The commands of the console's guide run, and it names what the pages offer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from examples.serving import serving

PAGE = Path("docs/guides/console.md")


def test_the_commands_of_the_guide_run_as_they_stand():
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    with serving() as server:
        done = subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + "\n".join(blocks)],
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "URL": server.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"303 {server.url}/console/jobs",
        f"303 {server.url}/console/sign-in?next=%2Fconsole%2Fjobs",
    ]


def test_the_guide_tells_of_every_entry_of_the_menu():
    menu = Path("drover/faces/console/pages/base.html").read_text()
    entries = re.findall(r'\("[a-z]+", "([A-Z][a-z]+)", "/console', menu)

    page = PAGE.read_text()
    assert entries
    assert [entry for entry in entries if entry not in page] == []
