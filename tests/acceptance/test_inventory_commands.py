"""The commands of the inventory against a real server."""

from __future__ import annotations

import json

import pytest

from examples.serving import EMAIL, serving
from tests.acceptance.test_cli import PASSWORD, Shell

pytestmark = pytest.mark.processes_measured


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server with three jobs that are not run, and a shell signed in to it."""
    with serving(admin_password=PASSWORD) as server:
        shell = Shell(tmp_path_factory.mktemp("home"), server.url)
        shell.output("login", "--url", server.url, "--email", EMAIL, "--password", PASSWORD)
        base = f"/applications/{server.application_id()}"
        paths = []
        for name in ("North", "South", "West"):
            body = {"name": name, "resourceType": "device", "queryJson": "{}"}
            job = server.client.post(f"{base}/resource-jobs", body)
            paths.append(f"{base}/resource-jobs/{job['id']}")
        yield server, shell, paths


@pytest.fixture
def shell(world):
    """The shell, each job having been run once."""
    server, shell, paths = world
    for path in paths:
        server.client.post(f"{path}/execute", {})
    yield shell
    server.client.change("DELETE", "/ws/v1/jobs/cancel", query="id > 0")


def _listed(shell, *words):
    return [
        json.loads(line)
        for line in shell.output("inventory", "list", "--as-json", *words).splitlines()
    ]


def test_jobs_are_listed_counted_and_shown(shell):
    assert [job["job_name"] for job in _listed(shell)] == ["West", "South", "North"]
    assert [
        job["job_name"] for job in _listed(shell, "--order", "job_name asc", "--limit", "2")
    ] == [
        "North",
        "South",
    ]
    assert "resource_job" in shell.output("inventory", "list", "job_name in ('north', 'west')")
    assert shell.output("inventory", "count").strip() == "3"
    assert shell.output("inventory", "count", "job_name = 'South'").strip() == "1"
    (south,) = _listed(shell, "job_name = 'South'")
    assert "South" in shell.output("inventory", "show", str(south["id"]))


def test_a_query_that_cannot_be_understood_is_told_with_its_place(shell):
    done = shell.run("inventory", "list", "nope = 1")

    assert done.returncode != 0
    assert "unknown field 'nope' at position 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_jobs_are_written_as_csv(shell, tmp_path):
    file = tmp_path / "jobs.csv"

    shell.output(
        "inventory",
        "export",
        "--fields",
        "job_name",
        "--order",
        "job_name asc",
        "--output",
        str(file),
    )

    assert file.read_bytes() == b"job_name\r\nNorth\r\nSouth\r\nWest\r\n"
    assert shell.output(
        "inventory", "export", "job_name = 'West'", "--fields", "job_name"
    ).split() == [
        "job_name",
        "West",
    ]


@pytest.mark.parametrize("verb", ["cancel", "delete"])
@pytest.mark.parametrize(
    "words", [(), ("--query", " ", "--yes"), ("5", "--query", "id > 0", "--yes")]
)
def test_a_verb_that_is_not_told_what_to_touch_touches_nothing(shell, verb, words):
    done = shell.run("inventory", verb, *words)

    assert done.returncode != 0
    assert shell.output("inventory", "count").strip() == "3"


def test_jobs_are_deleted_by_number_and_by_query(shell):
    newest = _listed(shell)[0]["id"]

    refused = shell.run("inventory", "delete", "999999")
    unsure = shell.run("inventory", "delete", "--query", "id > 0", "--cancel-first")
    kept = shell.output("inventory", "count").strip()
    shell.run("inventory", "cancel", str(newest))
    gone = shell.output("inventory", "delete", "--query", "id > 0", "--cancel-first", "--yes")

    assert refused.returncode != 0
    assert "Job was not found" in refused.stderr
    assert "3 jobs" in unsure.stderr
    assert "Traceback" not in unsure.stderr
    assert kept == "3"
    assert "3 jobs deleted" in gone
    assert shell.output("inventory", "count").strip() == "0"
