"""The published curl calls on resource jobs and applications work with only the host changed."""

from __future__ import annotations

import json
import subprocess

import pytest

HEADERS = ("Content-Type: application/json", "Accept: application/json")


class Shell:
    """Calls curl the way the published examples do."""

    def __init__(self, vendor) -> None:
        self.url = vendor.url
        self.token = vendor.client.auth_token
        self.application = f"/applications/{vendor.application}"

    def curl(self, method: str, path: str, body: str | None = None) -> tuple[int, object]:
        command = ["curl", "-sS", "-w", "\n%{http_code}"]
        for header in (*HEADERS, f"Authorization: Bearer {self.token}"):
            command += ["-H", header]
        command += ["-X", method]
        if body is not None:
            command += ["-d", body]
        done = subprocess.run(
            [*command, self.url + path], capture_output=True, text=True, timeout=60, check=True
        )
        text, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(text)


@pytest.fixture
def shell(vendor):
    return Shell(vendor)


def test_resource_jobs_are_listed_and_created(shell):
    path = f"{shell.application}/resource-jobs"
    body = '{"name":"Example Resource Job","resourceType":"device","queryJson":"{ \\"name\\": \\"my device\\"}"}'

    status, made = shell.curl("POST", path, body)
    listed_status, listed = shell.curl("GET", path)

    assert status == 201
    assert made["resourceJobId"] == made["id"]
    assert made["queryJson"] == '{ "name": "my device"}'
    assert listed_status == 200
    assert made["id"] in [item["resourceJobId"] for item in listed["items"]]
    assert (listed["sortField"], listed["sortDirection"]) == ("name", "asc")


def test_one_resource_job_is_read_patched_executed_logged_cancelled_and_deleted(shell):
    _, made = shell.curl(
        "POST", f"{shell.application}/resource-jobs", '{"name":"One","resourceType":"device"}'
    )
    path = f"{shell.application}/resource-jobs/{made['id']}"

    assert shell.curl("GET", path)[0] == 200
    patch = '{"name":"Example Resource Job","queryJson":"{ \\"name\\": \\"my device\\"}"}'
    status, patched = shell.curl("PATCH", path, patch)
    assert (status, patched["name"]) == (201, "Example Resource Job")

    status, answer = shell.curl(
        "POST", f"{path}/execute", '{"templateContext":"{ \\"myData\\": 123 }"}'
    )
    assert (status, answer["success"]) == (200, True)

    status, logs = shell.curl("GET", f"{path}/logs")
    assert status == 200
    assert logs[0]["resourceJobExecutionId"] == answer["executionId"]
    assert json.loads(logs[0]["templateContext"]) == {"myData": 123}

    unknown = f"{path}/cancelExecution?executionId=632e18632f59592e773a4153"
    status, refused = shell.curl("POST", unknown)
    assert (status, refused["type"]) == (404, "NotFound")

    status, gone = shell.curl("DELETE", f"{path}?includeWorkflows=true")
    assert (status, gone) == (200, {"success": True})
    assert shell.curl("GET", path)[0] == 404


def test_an_application_is_read_and_patched(shell):
    status, one = shell.curl("GET", shell.application)
    assert (status, one["name"]) == (200, "Works")

    body = '{"name":"My Updated Application","description":"Description of my updated application"}'
    status, patched = shell.curl("PATCH", shell.application, body)
    assert (status, patched["description"]) == (200, "Description of my updated application")


def test_globals_are_merged_by_key(shell):
    body = (
        '[{"key":"keyHere","description":"Description of my application global",'
        '"json":"\\"my json data here\\"","cloudOnly":true},'
        '{"key":"anotherKey","json":"\\"more json\\"","cloudOnly":false}]'
    )

    status, application = shell.curl("PATCH", f"{shell.application}/globals", body)

    assert status == 200
    assert {entry["key"] for entry in application["globals"]} >= {"keyHere", "anotherKey"}


def test_the_readme_is_patched_and_read(shell):
    path = f"{shell.application}/readme"

    status, _ = shell.curl("PATCH", path, '{"content":"The new readme content"}')
    assert status == 200

    status, readme = shell.curl("GET", path)
    assert (status, readme["content"]) == (200, "The new readme content")


def test_an_application_is_deleted(shell):
    status, made = shell.curl("POST", "/applications", '{"name":"Short-lived"}')
    assert status == 201

    status, gone = shell.curl("DELETE", f"/applications/{made['applicationId']}")
    assert (status, gone) == (200, {"success": True})
    assert shell.curl("GET", f"/applications/{made['applicationId']}")[0] == 404


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("deviceCounts", "counts"),
        ("importLogs", None),
        ("notebookMinuteCounts", "counts"),
        ("payloadCounts", "deviceState"),
        ("payloadCountsBreakdown", "counts"),
        ("search?filter=my%20dev", None),
    ],
)
def test_what_an_application_counts_and_holds_is_read(shell, path, told):
    status, answer = shell.curl("GET", f"{shell.application}/{path}")

    assert status == 200
    assert told in answer if told else answer == []


@pytest.mark.parametrize(
    "path",
    [
        "archiveData?date=1518556791829",
        "backfillArchiveData",
        "fullDataTablesArchive",
        "fullEventsArchive",
    ],
)
def test_archives_are_made_as_jobs(shell, path):
    shell.curl("PATCH", shell.application, '{"archiveConfig":{"mode":"all","delayDays":1}}')

    status, job = shell.curl("GET", f"{shell.application}/{path}")

    assert (status, job["success"], job["jobQueued"]) == (202, True, True)
    log = shell.curl("GET", f"{shell.application}/jobLogs/{job['jobId']}")
    assert log[0] == 200


def test_an_application_is_exported_behind_an_address(shell):
    body = '{"includeFiles":true,"includeDevices":true,"email":"test@example.com"}'

    status, answer = shell.curl("POST", f"{shell.application}/export", body)

    assert status == 200
    assert answer["url"].startswith(shell.url)


def test_an_application_is_cloned_without_a_wish(shell):
    status, answer = shell.curl("POST", f"{shell.application}/clone")

    assert status == 201
    assert answer["application"]["id"] != shell.application.rpartition("/")[2]


def test_a_template_that_is_not_there_is_not_found(shell):
    body = '{"templateId":"575ec8687ae143cd83dc4a97","email":"email@example.com"}'

    status, refused = shell.curl("PATCH", f"{shell.application}/applyTemplate", body)

    assert (status, refused["type"]) == (404, "NotFound")
