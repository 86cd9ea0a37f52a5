"""The commands of the guide to live devices run as they stand."""

from __future__ import annotations

from pathlib import Path

from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/devices.md")


def test_the_commands_of_the_guide_run_in_order(tmp_path):
    with serving(admin_password=PASSWORD) as server:
        printed = ran(PAGE, server, tmp_path)

    assert printed.endswith("stop\n")
