"""Every command of the guide to notebooks runs, in order, against a real server."""

from __future__ import annotations

from pathlib import Path

from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/notebooks.md")


def test_the_commands_of_the_guide_run_as_they_stand(tmp_path):
    with serving(admin_password=PASSWORD, sweep_seconds=0.5, workers=1) as server:
        lines = ran(PAGE, server, tmp_path).splitlines()

    assert '"status":"completed"' in lines[-2]
    assert lines[-1] == "21.0"
