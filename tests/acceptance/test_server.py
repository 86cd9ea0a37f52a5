"""Starting and stopping a server, as an operator sees it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from examples.serving import serving

pytestmark = pytest.mark.processes_measured

SERVE = [sys.executable, "-m", "drover.main", "serve", "--port", "0", "--mqtt-port", "0"]


def start(folder, **environ: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DROVER_")}
    return subprocess.Popen(
        [*SERVE, "--data-dir", str(folder)],
        env=clean | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def greeting(process: subprocess.Popen[str], lines: int) -> str:
    return "".join(process.stdout.readline() for _ in range(lines))


def stop(process: subprocess.Popen[str], with_signal: int = signal.SIGTERM) -> int:
    process.send_signal(with_signal)
    process.communicate(timeout=60)
    return process.returncode


def test_the_first_start_prints_an_administrator_that_can_sign_in_and_the_second_does_not(tmp_path):
    first = start(tmp_path / "data")
    text = greeting(first, 3)
    url = re.search(r"http://\S+", text)[0]
    email = re.search(r"Administrator\s+(\S+)", text)[1]
    password = re.search(r"Password\s+(\S+)", text)[1]

    signed_in = httpx.post(f"{url}/auth/user", json={"email": email, "password": password})
    token = {"Authorization": f"Bearer {signed_in.json()['token']}"}
    names = [
        item["name"] for item in httpx.get(f"{url}/applications", headers=token).json()["items"]
    ]

    assert names == ["My fleet"]
    assert stop(first) in {0, -signal.SIGTERM}

    second = start(tmp_path / "data")
    assert "listens on" in greeting(second, 1)
    second.send_signal(signal.SIGTERM)
    rest, _ = second.communicate(timeout=60)
    assert "Password" not in rest


def test_health_answers_once_it_is_ready():
    with serving() as server:
        answer = httpx.get(f"{server.url}/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_metrics_and_the_api_description_are_served():
    with serving() as server:
        metrics = httpx.get(f"{server.url}/metrics")
        described = httpx.get(f"{server.url}/openapi.json").json()

    assert metrics.status_code == 200
    assert "drover_http_requests" in metrics.text
    kept = re.findall(r"^# TYPE (drover_\w+) ", metrics.text, re.MULTILINE)
    guide = Path("docs/guides/operating.md").read_text()
    assert [name for name in kept if name not in guide and not name.endswith("_created")] == []
    assert "/applications/{applicationId}/resource-jobs" in described["paths"]


def test_a_server_stops_in_time_while_a_client_holds_a_connection(tmp_path):
    process = start(tmp_path / "data")
    url = re.search(r"http://\S+", greeting(process, 3))[0]

    with httpx.Client() as client:
        assert client.get(f"{url}/health").status_code == 200
        began = time.monotonic()
        stop(process)

    assert time.monotonic() - began < 25


def test_a_second_server_on_the_same_folder_is_refused_with_a_reason(tmp_path):
    with serving(str(tmp_path)):
        second = start(tmp_path)
        _, errors = second.communicate(timeout=60)

    assert second.returncode != 0
    assert str(tmp_path) in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"DROVER_PORT": "x"}, "port"),
        ({"DROVER_DATABASE": "postgresql://127.0.0.1:1/none"}, "database"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_a_line(tmp_path, environ, named):
    process = subprocess.Popen(
        [sys.executable, "-m", "drover.main", "serve", "--data-dir", str(tmp_path)],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert named in errors
    assert "Traceback" not in errors


def test_the_data_folder_is_for_its_owner_alone(tmp_path):
    with serving(str(tmp_path / "made")):
        mode = (tmp_path / "made").stat().st_mode & 0o777

    assert mode == 0o700


def test_the_doctor_tells_the_durable_settings(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "drover.main", "doctor", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert "synchronous" in done.stdout
