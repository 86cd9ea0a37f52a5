"""Commands for keys, users, jobs of beacons and their workers, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from examples.serving import EMAIL, serving
from tests.support.beacon_agents import agent, until

pytestmark = pytest.mark.processes_measured

PASSWORD = "the password of a test"
QUICK = {"workers": 1, "script_workers": 1, "sweep_seconds": 0.5, "beacon_lost_seconds": 30}


class Shell:
    """Runs commands as a user with a home folder of their own."""

    def __init__(self, home, url: str) -> None:
        self.home = home
        self.url = url
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("DROVER_")},
            "XDG_CONFIG_HOME": str(home),
            "COLUMNS": "200",
        }

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "drover.main", *words],
            env=self._environ,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def output(self, *words: str, given: str = "") -> str:
        done = self.run(*words, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, *words: str, given: str = "") -> str:
        done = self.run(*words, given=given)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def server():
    with serving(admin_password=PASSWORD, **QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    signed_in = Shell(tmp_path_factory.mktemp("home"), server.url)
    signed_in.output("login", EMAIL, "--url", server.url, "--password", PASSWORD)
    signed_in.output("keys", "create", "mine", "--save")
    return signed_in


@pytest.fixture(scope="module")
def worker(server, shell, tmp_path_factory):
    """A worker of the beacon "box"."""
    made = shell.output("keys", "create", "box", "--role", "beacon")
    userkey = made.split("userkey")[1].strip()
    folder = tmp_path_factory.mktemp("worker")
    with agent(server.url, userkey, folder / "spool", "--name", "box", "--labels", "x") as running:
        yield running


def test_keys_are_made_shown_once_listed_and_revoked(shell):
    made = shell.output("keys", "create", "for a while", "--role", "readOnly", "--days", "2")
    listed = shell.output("keys", "list")

    secrets = [line.split()[-1] for line in made.splitlines()[1:]]
    assert len(secrets) == 2
    assert "for a while" in listed
    assert "readOnly" in listed
    assert not any(secret in listed for secret in secrets)
    assert "is revoked" in shell.output("keys", "revoke", "for a while")
    assert "for a while" not in shell.output("keys", "list")
    assert "No key is called" in shell.refusal("keys", "revoke", "for a while")


def test_a_key_of_no_role_or_of_the_past_is_refused(shell):
    assert "readOnly" in shell.run("keys", "create", "x", "--role", "emperor").stderr
    assert "400" in shell.refusal("keys", "create", "x", "--days", "-1")
    assert "too many" in shell.refusal("keys", "create", "x", "--days", "99999999999")


def test_a_kept_userkey_is_for_this_user_and_this_server_alone(shell, tmp_path):
    file = shell.home / "drover" / "credentials.json"
    kept = json.loads(file.read_text())
    other = Shell(tmp_path, shell.url)
    (tmp_path / "drover").mkdir()
    (tmp_path / "drover" / "credentials.json").write_text(
        json.dumps({**kept, "url": "http://127.0.0.1:1"})
    )

    assert file.stat().st_mode & 0o777 == 0o600
    assert {"url", "token", "userkey", "userkey_url"} == set(kept)
    assert "No userkey" in other.refusal("tasks", "list")


def test_users_are_made_changed_listed_and_removed(shell):
    shell.output("users", "create", "new@example.com", "--password", "Long-enough-1")
    assert "new@example.com" in shell.output("users", "list")

    shell.output("users", "change", "new@example.com", "--role", "readOnly")

    row = next(line for line in shell.output("users", "list").splitlines() if "new@" in line)
    assert "readOnly" in row
    shell.output("users", "remove", "new@example.com")
    assert "new@example.com" not in shell.output("users", "list")


def test_a_job_is_queued_done_and_shown(shell, worker, tmp_path):
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps([{"command": "echo from a file"}]))

    ran = shell.output(
        *("tasks", "create", "say", "--command", "echo hello", "--command", "echo again"),
        *("--tasks", str(tasks), "--beacon", "box", "--labels", "x", "--wait"),
    )

    number = ran.split()[0]
    assert ran.splitlines()[1:] == ["hello", "again", "from a file"]
    shown = json.loads(shell.output("tasks", "show", number))
    assert (shown["status"], len(shown["result"])) == ("complete", 3)
    listed = shell.output("tasks", "list", "--status", "complete", "--beacon", "box")
    assert "say" in listed
    assert "3/3" in listed
    assert shell.output("tasks", "log", number).splitlines() == ["hello", "again", "from a file"]


def test_waiting_for_a_job_that_fails_says_so_and_why(shell, worker):
    done = shell.run(
        *("tasks", "create", "bad", "--command", "exit 3"), "--beacon", "box", "--wait"
    )

    assert done.returncode == 1
    assert "is failed: task 1: the command ended with status 3" in done.stderr


def test_tasks_may_come_from_standard_input_and_must_be_an_array(shell):
    made = shell.output("tasks", "create", "x", "--tasks", "-", given='[{"cmd": "x"}]')

    assert json.loads(shell.output("tasks", "show", made.strip()))["total_tasks"] == 1
    assert "must be a JSON array" in shell.refusal(
        "tasks", "create", "x", "--tasks", "-", given="7"
    )
    assert "-:" in shell.refusal("tasks", "create", "x", "--tasks", "-", given="[")
    assert "nowhere" in shell.refusal("tasks", "create", "x", "--tasks", "nowhere.json")


def test_a_job_is_cancelled(shell, worker):
    waiting = shell.output("tasks", "create", "later", "--beacon", "nobody", "--priority", "3")
    running = shell.output("tasks", "create", "now", "--command", "sleep 100", "--beacon", "box")
    until(lambda: "running" in shell.output("tasks", "list", "--beacon", "box"))

    assert "is canceled" in shell.output("tasks", "cancel", waiting.strip())
    assert "marked for cancellation" in shell.output("tasks", "cancel", running.strip())
    ended = shell.run("tasks", "log", running.strip(), "--follow")
    assert "is canceled" in ended.stderr
    assert "404" in shell.refusal("tasks", "cancel", "999999")


def test_a_schedule_is_made_listed_and_switched(shell):
    number = shell.output("tasks", "create", "nightly", "--cron", "0 3 * * *").strip()

    assert "nightly" in shell.output("tasks", "schedules")
    assert "is off" in shell.output("tasks", "switch", number, "--off")
    row = next(each for each in shell.output("tasks", "schedules").splitlines() if number in each)
    assert "no" in row
    added = shell.output("tasks", "trigger", number).strip()
    assert json.loads(shell.output("tasks", "show", added))["duplicate_of"] == int(number)
    assert "is on" in shell.output("tasks", "switch", number, "--on")
    assert "five fields" in shell.refusal("tasks", "create", "x", "--cron", "0 3")
    assert "400" in shell.refusal("tasks", "create", "x", "--cron", "99 3 * * *")
    assert "for --cron" in shell.refusal("tasks", "create", "x", "--ends", "5")
    shell.output("tasks", "create", "x", "--cron", "hour=3 dow=1-5", "--ends", "4000000000")


def test_workers_are_listed_shown_and_their_queue_paused(shell, worker):
    until(lambda: "box" in shell.output("beacons", "list"))
    listed = shell.output("beacons", "list")

    assert "alive" in listed
    assert "first sign" in shell.output("beacons", "show", "box")
    assert "No worker or beacon" in shell.refusal("beacons", "show", "nobody")
    shell.output("beacons", "pause", "box")
    held = shell.output("tasks", "create", "held", "--command", "true", "--beacon", "box").strip()
    assert json.loads(shell.output("tasks", "show", held))["status"] == "queued"
    shell.output("beacons", "resume", "box")
    assert "complete" in shell.run("tasks", "log", held, "--follow").stderr


def test_what_others_wrote_does_not_steer_the_terminal(shell, worker):
    name = "x\x1b[31m[red]\x07"
    number = shell.output(
        *("tasks", "create", name, "--command", r"printf '\033[2Jgone\n'"),
        "--beacon",
        "box",
        "--wait",
    ).split()[0]

    told = [
        shell.output("tasks", "list"),
        shell.output("tasks", "show", number),
        shell.output("tasks", "log", number),
    ]

    assert not any("\x1b" in text or "\x07" in text for text in told)
    assert r"\x1b[2Jgone" in told[2]
    assert "[red]" in told[0]
