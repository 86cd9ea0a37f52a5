"""Every shell block of the tutorial runs, in order, against a real server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from drover import config
from examples.serving import EMAIL, serving

PAGES = ["docs/tutorial/first-job.md"]


def script_of(page: str) -> str:
    blocks = re.findall(r"^```bash\n(.*?)^```", Path(page).read_text(), re.DOTALL | re.MULTILINE)
    return "set -euo pipefail\n" + "\n".join(blocks)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_as_they_stand(page: str):
    with serving(admin_password="a tutorial password") as server:
        done = subprocess.run(
            ["bash", "-c", script_of(page)],
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "URL": server.url,
                "EMAIL": EMAIL,
                "PASSWORD": "a tutorial password",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert '"succeeded":2' in done.stdout.replace(" ", "")
    assert done.stdout.count("limit set") == 2


def test_every_setting_is_on_the_settings_page():
    page = Path("docs/reference/settings.md").read_text()

    missing = [name for name, variable, *_ in config.describe() if variable not in page]

    assert missing == []


def test_every_link_between_pages_leads_somewhere():
    broken = [
        (str(page), link)
        for page in [*Path("docs").rglob("*.md"), Path("README.md"), Path("CONTRIBUTING.md")]
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]

    assert broken == []
