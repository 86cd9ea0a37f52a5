"""The demonstration ends by itself and tells the truth about what it did."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from examples.airports import fleet

DEMO = (sys.executable, "-m", "examples.airports.demo")


@pytest.mark.slow
def test_the_demo_runs_the_job_over_one_country_and_leaves_its_report(tmp_path):
    in_country = {"key": "country", "value": "AU"}
    australian = [device for device in fleet.airports(3000) if in_country in device["tags"]]
    unknown = [device for device in australian if "elevation" not in device["state"]]
    assert australian
    assert unknown

    folder = str(tmp_path / "demo")
    done = subprocess.run(
        [*DEMO, "--devices", "3000", "--country", "AU", "--live", "60", "--folder", folder],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "completed" in done.stdout
    succeeded = f"{len(australian) - len(unknown):,}"
    assert re.search(rf"{succeeded}\D+{len(unknown):,}\D+0\D+0\D+0", done.stdout)
    assert "elevation unknown" in done.stdout
    report = (tmp_path / "demo" / "report.csv").read_text().splitlines()
    assert len(report) == 1 + len(australian)
    assert sum(",failed," in line for line in report) == len(unknown)
    commands = (tmp_path / "demo" / "commands.csv").read_text().splitlines()
    assert len(commands) == 1 + 60
    assert any(",succeeded," in line for line in commands[1:])
    assert re.search(
        r"\d+ commands were heard, \d+ answered; \d+ iterations timed out", one_line(done)
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stdout.split())


@pytest.mark.slow
def test_the_demo_leaves_its_end_out_where_no_broker_can_be_started(tmp_path):
    done = subprocess.run(
        [*DEMO, "--devices", "300", "--folder", str(tmp_path / "demo")],
        env=os.environ | {"DROVER_NATS_SERVER": str(tmp_path / "no-such-program")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "No broker for devices could be started" in one_line(done)
    assert "completed" in done.stdout
    assert not (tmp_path / "demo" / "commands.csv").exists()
