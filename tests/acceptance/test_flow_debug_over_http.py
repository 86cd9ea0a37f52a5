"""What debug nodes said, read over HTTP; how often events may be raised; what is deleted in time."""

from __future__ import annotations

import time

import pytest
from losant_rest import Client

from examples.serving import serving
from tests.support.vendor import Vendor, node, refused, sound, trigger, until

SOON_DAYS = 8 / 86_400
"""Some seconds, so that a report is seen before it goes."""


@pytest.fixture(scope="module")
def server():
    settings = {
        "workers": 1,
        "script_workers": 1,
        "events_in_15_seconds": 3,
        "keep_executions_days": SOON_DAYS,
        "retention_seconds": 0.2,
        "sweep_seconds": 0.5,
    }
    with serving(**settings) as running:
        yield running


@pytest.fixture
def vendor(server):
    client = Client(auth_token=server.client.token, url=server.url)
    made = client.applications.post(application={"name": "Works"})
    return Vendor(client, server.url, made["applicationId"])


@pytest.fixture
def talkative(vendor):
    """A workflow with a button and two debug nodes, pressed twice."""
    loud = node("loud", "DebugNode", message="x is {{data.x}}", property="data.x", level="error")
    quiet = node("quiet", "DebugNode", "loud", message="pressed")
    flow = vendor.flow([trigger("virtualButton", "press", "quiet")], quiet, loud)
    for x in (1, 2):
        button = {"key": "press", "payload": {"x": x}}
        vendor.client.flow.press_virtual_button(**flow, button=button)
        until(lambda: debug(vendor, flow)["debug"], lambda found, x=x: len(found) == 2 * x)
    return flow


def debug(vendor, flow, **query):
    answer = vendor.raw("GET", f"/flows/{flow['flowId']}/debug", params=query)
    assert answer.status_code == 200, answer.text
    return sound(answer.json())


def test_debug_messages_are_read_newest_first_with_their_node_and_payload(vendor, talkative):
    found = debug(vendor, talkative)

    assert [each["message"] for each in found["debug"]] == [
        "x is 2", "pressed", "x is 1", "pressed",
    ]  # fmt: skip
    first = found["debug"][0]
    assert (first["nodeId"], first["nodeLabel"], first["level"]) == ("loud", "loud", "error")
    assert (first["payload"], first["flowVersion"]) == (2, "develop")
    assert (found["limit"], found["sortDirection"]) == (25, "desc")


def test_debug_messages_are_narrowed_by_node_level_version_and_time(vendor, talkative):
    def messages(**query):
        return [each["message"] for each in debug(vendor, talkative, **query)["debug"]]

    assert messages(nodeId="quiet") == ["pressed", "pressed"]
    assert messages(level="warn", sortDirection="asc") == ["x is 1", "x is 2"]
    assert messages(limit=1) == ["x is 2"]
    assert messages(flowVersion="v1") == []
    assert messages(end=-3_600_000) == []
    for name, value in (("level", "loud"), ("limit", "0"), ("limit", "1001"), ("end", "soon")):
        answer = vendor.raw("GET", f"/flows/{talkative['flowId']}/debug", params={name: value})
        assert (answer.status_code, name in answer.json()["message"]) == (400, True)


def test_debug_messages_of_one_version_are_read_by_its_id(vendor, talkative):
    version = vendor.client.flow_versions.post(**talkative, flowVersion={"version": "v1"})["id"]
    answer = vendor.raw("GET", f"/flows/{talkative['flowId']}/versions/{version}/debug")

    assert (answer.status_code, answer.json()["debug"]) == (200, [])
    assert answer.json()["flowVersion"] == "v1"


def test_debug_messages_need_their_scope_and_tenant(vendor, talkative, server):
    narrow = vendor.as_token("flow.get")
    path = f"/flows/{talkative['flowId']}/debug"
    for token, status in (
        (narrow.auth_token, 403),
        (vendor.as_token("flow.debug").auth_token, 200),
    ):
        own = Vendor(Client(auth_token=token, url=server.url), server.url, vendor.application)
        assert own.raw("GET", path).status_code == status
    other = vendor.client.applications.post(application={"name": "Other"})["applicationId"]
    foreign = Vendor(vendor.client, server.url, other)
    assert foreign.raw("GET", path).status_code == 404


def test_an_application_that_raises_too_many_events_is_told_to_wait(vendor):
    event = {"level": "info", "subject": "s"}
    for _ in range(3):
        vendor.client.events.post(**vendor.key, event=event)

    refused(429, "too many events", vendor.client.events.post, **vendor.key, event=event)
    answer = vendor.raw("POST", "/events", json=event)
    assert 0 < int(answer.headers["retry-after"]) <= 15
    assert vendor.client.events.get(**vendor.key)["totalCount"] == 3
    other = vendor.client.applications.post(application={"name": "Other"})["applicationId"]
    assert vendor.client.events.post(applicationId=other, event=event)["subject"] == "s"


def test_an_execution_is_gone_after_its_time_with_its_report(vendor, server):
    body = {"name": "Job", "resourceType": "device", "queryJson": "{}"}
    job = vendor.client.resource_jobs.post(**vendor.key, resourceJob=body)
    one = {**vendor.key, "resourceJobId": job["id"]}
    execution_id = vendor.client.resource_job.execute(**one, executionOptions={})["executionId"]
    report = server.data_dir / "blobs" / "reports" / f"{execution_id}.csv"
    until(report.exists, bool)

    until(lambda: vendor.client.resource_job.logs(**one), lambda entries: entries == [])

    end = time.monotonic() + 60
    while report.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
