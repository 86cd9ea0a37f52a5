"""A server that goes away while jobs run, and comes back: nothing is lost, nothing done twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from drover.client import Client
from tests.support.beacon_agents import Jobs, agent, until
from tests.support.free_ports import free_port

EMAIL, PASSWORD = "boss@example.com", "Correct-horse-9"
HELD = 2
"""Jobs that run while the server is away."""


class Server:
    """A server on one port and one folder, that can be killed and started again."""

    def __init__(self, folder):
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process = self._reader = None

    def start(self):
        settings = {
            "ADMIN_EMAIL": EMAIL,
            "ADMIN_PASSWORD": PASSWORD,
            "LOG_LEVEL": "warning",
            "WORKERS": "1",
            "SCRIPT_WORKERS": "1",
            "SWEEP_SECONDS": "0.5",
        }
        given = ("--data-dir", str(self._folder), "--port", str(self._port), "--mqtt-port", "0")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "drover.main", "serve", *given],
            env={**os.environ, **{f"DROVER_{name}": each for name, each in settings.items()}},
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stdout:
            if "listens on" in line:
                self._reader = threading.Thread(target=self._process.stdout.read)
                self._reader.start()
                return
        raise AssertionError("the server did not start")

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(60)
        self._reader.join(60)
        self._process.stdout.close()


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path / "data")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def keys(server):
    with Client(server.url) as client:
        client.sign_in(EMAIL, PASSWORD)
        made = {
            role: client.post("/me/keys", {"name": role, "role": role})["userkey"]
            for role in ("user", "beacon")
        }
        yield made


def test_results_of_jobs_that_ended_while_the_server_was_away_are_handed_in_once(
    server, keys, tmp_path
):
    ran, go_on = tmp_path / "ran", tmp_path / "go on"
    command = f"echo $DROVER_JOB_ID >> {ran}; while ! test -e '{go_on}'; do sleep 0.1; done; echo x"
    words = ("--concurrency", str(HELD), "--lease", "300")
    with (
        Jobs(server.url, keys["user"]) as jobs,
        agent(server.url, keys["beacon"], tmp_path / "spool", *words) as running,
    ):
        numbers = [jobs.add({"command": command}) for _ in range(HELD)]
        for number in numbers:
            jobs.when(number, lambda job: job.status == "running" and job.cur_task == 1)

        server.kill()
        go_on.touch()
        until(lambda: len(list(running.spool.glob("*.json"))) == HELD)
        server.start()
        found = [jobs.ended(number) for number in numbers]
        until(lambda: not list(running.spool.glob("*.json")))

    assert [(job.status, job.attempts) for job in found] == [("complete", 0)] * HELD
    assert [job.result[0]["output"] for job in found] == ["x\n"] * HELD
    assert sorted(map(int, ran.read_text().split())) == numbers


def test_results_of_an_agent_that_was_killed_as_well_are_handed_in_by_the_next(
    server, keys, tmp_path
):
    go_on, spool = tmp_path / "go on", tmp_path / "spool"
    command = f"while ! test -e '{go_on}'; do sleep 0.1; done; echo kept"
    with Jobs(server.url, keys["user"]) as jobs:
        number = jobs.add({"command": command})
        with agent(server.url, keys["beacon"], spool, "--lease", "300") as first:
            jobs.when(number, lambda job: job.cur_task == 1)
            server.kill()
            go_on.touch()
            until(lambda: list(spool.glob("*.json")))
            first.end(signal.SIGKILL)
        server.start()

        with agent(server.url, keys["beacon"], spool):
            job = jobs.ended(number)

    assert (job.status, job.attempts, job.result[0]["output"]) == ("complete", 0, "kept\n")
