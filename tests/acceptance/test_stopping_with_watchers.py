"""A server that is told to stop does so soon, whoever watches and whatever waits."""

from __future__ import annotations

import signal
import time

import httpx

from examples.serving import serving


def test_streams_end_and_the_server_exits_while_an_execution_waits():
    with serving(sweep_seconds=0.2, workers=1, script_workers=1) as server:
        client, base = server.client, f"/applications/{server.application_id()}"
        client.post(f"{base}/devices", {"name": "Pump"})
        job = client.post(f"{base}/resource-jobs", {"name": "Job", "resourceType": "device"})
        path = f"{base}/resource-jobs/{job['id']}"
        execution = f"{path}/executions/{client.post(f'{path}/execute')['executionId']}"
        told = {"headers": {"Authorization": f"Bearer {client.token}"}, "timeout": 60}

        with httpx.stream("GET", f"{server.url}{execution}/progress", **told) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: progress"
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            rest = list(lines)
        status = server.process.wait(60)

    assert rest[0].startswith("data: ")
    assert status == 0
    assert time.monotonic() - began < 30  # the iteration waits for twice as long
