"""The guides to beacons: their commands and programs run as they stand."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from drover.app.beacons import logs
from drover.client import NewJob
from drover.workers.beacon import job_log, output
from examples.serving import EMAIL, serving
from tests.support.beacon_agents import Jobs, until

AGENT = Path("docs/guides/beacon-agent.md")
WRITE = Path("docs/guides/write-a-beacon.md")
PASSWORD = "a password of the guides"
EXAMPLES = Path("examples/beacons")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server():
    settings = {"workers": 1, "script_workers": 1, "sweep_seconds": 0.5}
    with serving(admin_password=PASSWORD, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def keys(server):
    return {
        role: server.client.post("/me/keys", {"name": role, "role": role})["userkey"]
        for role in ("user", "beacon")
    }


@pytest.fixture(scope="module")
def home(server, tmp_path_factory):
    """Folder and environment of somebody who is signed in, with the command on their path."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "bin").mkdir()
    command = folder / "bin" / "drover"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m drover.main "$@"\n')
    command.chmod(0o755)
    environ = {
        "PATH": f"{folder}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(Path.cwd()),
        "HOME": str(folder),
        "URL": server.url,
        "COLUMNS": "200",
    }
    words = ["drover", "login", EMAIL, "--url", server.url, "--password", PASSWORD]
    subprocess.run(words, env=environ, check=True, capture_output=True)
    subprocess.run(
        ["drover", "keys", "create", "me", "--save"], env=environ, check=True, capture_output=True
    )
    return folder, environ


def ran(home, script: str) -> str:
    folder, environ = home
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + script],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_guide_to_the_agent_run_as_they_stand(home):
    told = ran(home, "\n".join(blocks(AGENT, "bash")))

    assert f"this is {platform.system()}" in told
    assert re.search(r"job \d+, task 2", told)


def test_the_commands_of_the_guide_to_writing_one_run_as_they_stand(home):
    assert "userkey" in ran(home, "\n".join(blocks(WRITE, "bash")))


def test_the_programs_in_the_guide_are_those_in_the_examples():
    shown = blocks(WRITE, "sh") + blocks(WRITE, "py")

    assert shown == [(EXAMPLES / name).read_text() for name in ("box.sh", "box.py")]
    for program in shown:
        lines = [line for line in program.splitlines() if line.strip()]
        assert len(lines) <= 22


@contextmanager
def beacon(server, keys, *words):
    environ = {**os.environ, "URL": server.url, "USERKEY": keys["beacon"]}
    environ["PYTHONPATH"] = str(Path.cwd())
    with subprocess.Popen(words, env=environ, start_new_session=True) as process:
        try:
            yield
        finally:  # with what it started: its waiting request would take the next job
            os.killpg(process.pid, signal.SIGKILL)


def test_the_beacon_in_shell_does_jobs(server, keys):
    with (
        Jobs(server.url, keys["user"]) as jobs,
        beacon(server, keys, "bash", str(EXAMPLES / "box.sh")),
    ):
        found = [jobs.ended(jobs.create(NewJob(name=name, beacon_name="box")).id) for name in "ab"]
        until(lambda: found[0].worker in [each.worker for each in jobs.beacons()])

    assert [job.status for job in found] == ["complete", "complete"]
    assert found[0].result[0]["load"].startswith("load average")
    assert found[0].start_time is not None


@pytest.mark.parametrize("program", ["box.py", "box_with_client.py"])
def test_the_beacons_in_python_do_jobs(server, keys, program):
    with (
        Jobs(server.url, keys["user"]) as jobs,
        beacon(server, keys, sys.executable, str(EXAMPLES / program)),
    ):
        tasks = [{"numbers": [1, 2, 3]}, {"numbers": []}]
        job = jobs.ended(jobs.create(NewJob(name="add", beacon_name="box", tasks=tasks)).id)

    assert (job.status, job.result) == ("complete", [{"sum": 6}, {"sum": 0}])


def test_the_program_that_queues_a_job_runs_as_it_stands(server, keys):
    (program,) = blocks(WRITE, "python")

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "URL": server.url, "USERKEY": keys["user"]},
        capture_output=True,
        text=True,
        check=True,
    )

    with Jobs(server.url, keys["user"]) as jobs:
        number = int(done.stdout.split()[1])
        assert jobs.show(number).tasks == [{"numbers": [1, 2, 3]}]
        jobs.cancel(number)


def test_the_guide_to_the_agent_tells_the_limits_of_logs_in_force():
    page = " ".join(AGENT.read_text().split())

    assert f"{output.MOST_LINES:,} lines a task and {job_log.MOST_LINES:,} lines a job" in page
    assert f"(a server takes {logs.MOST_LINES:,})" in page
    assert f"the last {job_log.MOST_WAITING:,} lines of a job wait" in page
    assert f"of {job_log.MOST_CHARACTERS // 1024 // 1024} MiB together" in page
