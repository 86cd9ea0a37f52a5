"""Every limit shows in the metrics, and so does every refusal that comes of it."""

from __future__ import annotations

import re

import httpx
import pytest

from examples.serving import serving
from tests.support.beacon_agents import until


@pytest.fixture(scope="module")
def server():
    with serving(
        max_running_executions=1,
        max_body_bytes=2048,
        digi_requests_a_minute=6,
        roles="api",
        sweep_seconds=0.2,
    ) as running:
        yield running


def figures(server):
    text = httpx.get(f"{server.url}/metrics").text
    return {
        name: float(value) for name, value in re.findall(r"^(drover\S+) (\S+)$", text, re.MULTILINE)
    }


def refusals(server, limit):
    return figures(server)[f'drover_refusals_total{{limit="{limit}"}}']


def ask(server, path, **options):
    headers = {"Authorization": f"Bearer {server.client.token}"}
    return httpx.request(
        options.pop("method", "POST"), server.url + path, headers=headers, **options
    )


def test_limits_are_shown_with_their_values_and_none_as_reached(server):
    shown = figures(server)

    assert shown['drover_limit{limit="max_running_executions"}'] == 1
    assert shown['drover_limit{limit="max_requests"}'] == 1000
    assert shown['drover_refusals_total{limit="max_requests"}'] == 0
    assert shown['drover_refusals_total{limit="digi_requests_at_once"}'] == 0


def test_a_body_that_is_too_large_is_counted(server):
    answer = ask(server, f"/applications/{server.application_id()}/devices", content=b"x" * 3000)

    assert answer.status_code == 413
    assert refusals(server, "max_body_bytes") == 1


def test_an_execution_too_many_is_counted_and_those_open_are_shown(server):
    base = f"/applications/{server.application_id()}"
    job = server.client.post(f"{base}/resource-jobs", {"name": "J", "resourceType": "device"})
    path = f"{base}/resource-jobs/{job['id']}"
    first = server.client.post(f"{path}/execute")["executionId"]

    answer = ask(server, f"{path}/execute")

    assert answer.status_code == 429
    assert refusals(server, "max_running_executions") == 1
    until(lambda: figures(server)['drover_open{what="executions_queued"}'])
    why = server.client.get(f"{path}/executions/{first}")["waitsBecause"]
    assert why == "It waits for a server to begin with it."


def test_requests_too_many_in_a_minute_are_counted(server):
    answers = [ask(server, "/ws/v1/jobs/inventory", method="GET") for _ in range(3)]

    assert answers[-1].status_code == 429
    assert refusals(server, "digi_requests_a_minute") == sum(
        answer.status_code == 429 for answer in answers
    )


def test_what_runs_and_how_late_the_loop_is_are_shown():
    with serving(workers=1) as server:
        shown = figures(server)

    assert shown["drover_workers_alive"] == 1
    assert shown["drover_fenced_writes_total"] == 0
    assert shown["drover_http_requests_running"] == 1
    assert shown["drover_loop_lag_seconds"] >= 0
    assert shown["drover_lanes_running"] == shown["drover_leases_held"] == 0
    assert shown["drover_lanes_limit"] > 0
    assert 'drover_open{what="firings"}' in shown
