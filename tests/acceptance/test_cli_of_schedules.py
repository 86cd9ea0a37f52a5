"""Commands for schedules and for a single round of the agent, against a real server."""

from __future__ import annotations

import json

import pytest

from examples.serving import EMAIL, serving
from tests.acceptance.test_cli_of_tasks import PASSWORD, QUICK, Shell

pytestmark = pytest.mark.processes_measured


@pytest.fixture(scope="module")
def server():
    with serving(admin_password=PASSWORD, **QUICK) as running:
        base = f"/applications/{running.application_id()}/resource-jobs"
        running.client.post(base, {"name": "Sweep", "resourceType": "device"})
        yield running


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    signed_in = Shell(tmp_path_factory.mktemp("home"), server.url)
    signed_in.output("login", EMAIL, "--url", server.url, "--password", PASSWORD)
    signed_in.output("keys", "create", "mine", "--save")
    return signed_in


def test_a_schedule_is_made_looked_at_paused_tried_and_deleted(shell):
    made = shell.output(
        "schedules", "create", "Sweep", "--name", "nightly", "--hour", "3", "--tz", "Europe/Vienna"
    )
    assert "runs next at" in made
    shell.output("schedules", "create", "Sweep", "--name", "often", "--seconds", "600")
    shell.output("schedules", "create", "Sweep", "--name", "ruled", "--cron", "5 4 * * *")

    listed = shell.output("schedules", "list")
    assert all(each in listed for each in ("hour=3", "every 600 s", "5 4 * * *", "Europe/Vienna"))
    assert "often" in shell.output("schedules", "list", "Sweep")
    assert json.loads(shell.output("schedules", "show", "Sweep", "nightly"))["name"] == "nightly"
    preview = shell.output("schedules", "preview", "Sweep", "nightly", "--count", "3")
    assert preview.count("03:00") == 3

    assert "rests" in shell.output("schedules", "pause", "Sweep", "nightly")
    assert "paused" in shell.output("schedules", "list")
    assert "runs next at" in shell.output("schedules", "resume", "Sweep", "nightly")
    assert "Execution" in shell.output("schedules", "trigger", "Sweep", "nightly")
    assert "gone" in shell.output("schedules", "delete", "Sweep", "nightly")
    assert "nightly" not in shell.output("schedules", "list")


def test_a_rule_that_cannot_be_is_refused_with_its_field(shell):
    assert "hour" in shell.refusal("schedules", "create", "Sweep", "--hour", "25")


def test_the_agent_does_one_job_and_tells_whether_it_went_well(shell, server, tmp_path):
    spool = str(tmp_path / "spool")
    once = ("beacon", "--once", "--wait", "0", "--name", "solo", "--spool", spool)
    key = shell.output("keys", "create", "solo", "--role", "beacon").split("userkey")[1].strip()
    signed = (*once, "--url", server.url, "--key", key)
    shell.output("tasks", "create", "fine", "--command", "true", "--beacon", "solo")

    assert shell.run(*signed).returncode == 0
    assert "DROVER_USERKEY" in shell.refusal(*once)
    assert "nonsense" in shell.refusal(*signed, "--allow", "nonsense")


def test_the_configuration_for_a_broker_elsewhere_is_printed(shell, tmp_path):
    printed = shell.output("broker-config", "--data-dir", str(tmp_path))

    assert "operator" in printed
