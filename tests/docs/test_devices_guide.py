"""The commands of the guide to live devices run as they stand."""

from __future__ import annotations

from pathlib import Path

from examples.serving import serving
from tests.support.guides import PASSWORD, ran

PAGE = Path("docs/guides/devices.md")


def test_the_commands_of_the_guide_run_in_order(tmp_path):
    roles = "api,engine,scheduler,mqtt"
    with serving(admin_password=PASSWORD, roles=roles, workers=1, script_workers=1) as server:
        printed = ran(PAGE, server, tmp_path)

    summary = '{"succeeded":1,"failed":0,"timedOut":0,"inProgress":0,"remaining":0}'
    assert f'"executionSummary":{summary}' in printed
    assert "stop\n" in printed
    assert printed.endswith('\n{"success":true}4\n4.5\n')
