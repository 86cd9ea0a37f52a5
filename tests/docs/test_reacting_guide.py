"""The commands of the guide to workflows that react run as they stand."""

from __future__ import annotations

from pathlib import Path

from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/reacting-workflows.md")


def test_the_commands_of_the_guide_run_in_order(tmp_path):
    with serving(admin_password=PASSWORD, workers=1) as server:
        printed = ran(PAGE, server, tmp_path)

    assert printed == "42\npump 7ada@example.com\n212"
