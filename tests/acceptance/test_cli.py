"""The command line against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from examples.serving import EMAIL, serving

pytestmark = pytest.mark.processes_measured

PASSWORD = "the password of a test"
JOB = {"name": "Sweep", "resourceType": "device", "maxIterationConcurrency": 10}
PATIENT = {**JOB, "iterationTimeout": 600_000}


class Shell:
    """Runs commands as a user with a home folder of their own."""

    def __init__(self, home, url: str) -> None:
        self.url = url
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("DROVER_")},
            "XDG_CONFIG_HOME": str(home),
            "COLUMNS": "200",
        }

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drover.main", *words],
            input=typed,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def output(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def server():
    with serving(admin_password=PASSWORD) as running:
        base = f"/applications/{running.application_id()}"
        job = running.client.post(f"{base}/resource-jobs", JOB)
        flow = {
            "name": "Sweep",
            "triggers": [
                {
                    "type": "resourceJobIteration",
                    "key": job["id"],
                    "config": {},
                    "outputIds": [["ack"]],
                }
            ],
            "nodes": [
                {
                    "id": "ack",
                    "type": "ResourceJobAcknowledgeNode",
                    "config": {
                        "successExpression": "{{data.device.name}} !== 'broken'",
                        "messageTemplate": "looked at {{data.device.name}}",
                    },
                    "outputIds": [[]],
                }
            ],
        }
        running.client.post(f"{base}/flows", flow)
        yield running


@pytest.fixture
def shell(server, tmp_path):
    signed_in = Shell(tmp_path, server.url)
    signed_in.output("login", EMAIL, "--url", server.url, "--password", PASSWORD)
    return signed_in


def test_a_script_hands_in_the_password_on_standard_input(shell):
    done = shell.run("login", EMAIL, "--url", shell.url, typed=f"{PASSWORD}\n")

    assert (done.returncode, done.stderr) == (0, "")


def test_signing_in_keeps_the_token_for_this_user_alone(shell, tmp_path):
    file = tmp_path / "drover" / "credentials.json"

    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["url"] == shell.url
    assert "My fleet" in shell.output("applications", "list")


def test_devices_are_imported_listed_and_swept_by_a_job(shell, tmp_path):
    lines = [json.dumps({"name": name}) for name in ("first", "second", "broken")]
    (tmp_path / "fleet.jsonl").write_text("\n".join(lines))

    assert "3 devices created" in shell.output("devices", "import", str(tmp_path / "fleet.jsonl"))
    assert "second" in shell.output("devices", "list", "--query", '{"name": "second"}')
    assert "3 match" in shell.output("jobs", "preview", "Sweep")

    ran = shell.output("jobs", "run", "Sweep")
    assert "completed" in ran
    assert "Sweep" in shell.output("jobs", "list")
    assert "completed" in shell.output("jobs", "executions", "Sweep")
    assert "looked at broken" in shell.output("jobs", "failures", "Sweep")
    assert "looked at first" in shell.output("jobs", "report", "Sweep")


def test_a_finished_execution_cannot_be_cancelled_and_the_reason_is_one_line(shell):
    shell.output("jobs", "run", "Sweep")

    refused = shell.run("jobs", "cancel", "Sweep")

    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.startswith("400")


def test_unknown_names_and_missing_credentials_are_told_in_a_line(shell, tmp_path):
    unknown = shell.run("jobs", "run", "Nothing")
    stranger = Shell(tmp_path / "elsewhere", shell.url).run("jobs", "list")
    away = shell.run("login", EMAIL, "--url", "http://127.0.0.1:1", "--password", "x")

    assert (unknown.returncode, stranger.returncode, away.returncode) == (1, 1, 1)
    assert "No resource job is called 'Nothing'" in unknown.stderr
    assert "drover login" in stranger.stderr
    assert "No answer" in away.stderr


@pytest.fixture
def broken(server):
    """A device that the workflow fails, for as long as the test runs."""
    devices = f"/applications/{server.application_id()}/devices"
    made = server.client.post(devices, {"name": "broken"})
    yield made
    server.client.delete(f"{devices}/{made['id']}")


@pytest.mark.usefixtures("broken")
def test_an_execution_is_paused_resumed_and_what_failed_is_tried_again(shell, server):
    base = f"/applications/{server.application_id()}"
    job = server.client.post(f"{base}/resource-jobs", {**PATIENT, "name": "Nobody waits for it"})
    path = f"{base}/resource-jobs/{job['id']}"
    shell.output("jobs", "run", job["id"], "--no-wait")
    (entry,) = server.client.get(f"{path}/logs")

    assert entry["id"] in shell.output("jobs", "pause", job["id"])
    assert server.client.get(f"{path}/logs")[0]["paused"] is True
    assert "It is paused" in shell.output("jobs", "why", job["id"])
    assert entry["id"] in shell.output("jobs", "resume", job["id"])
    assert "paused" not in server.client.get(f"{path}/logs")[0]
    told = shell.output("jobs", "why", job["id"])
    assert "to be acknowledged" in told or "waits for nothing" in told
    early = shell.run("jobs", "retry", job["id"])
    assert early.returncode == 1
    assert "not ended" in early.stderr
    shell.output("jobs", "run", "Sweep")
    again = shell.output("jobs", "retry", "Sweep")
    assert "completed" in again
