"""The inventory over HTTP on both stores: what its answers hold, as JSON and XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from drover.model.run import Actor
from tests.support.access_server import ADMIN
from tests.support.digi_server import ROOT, basic, fleet

XML = "application/xml;charset=UTF-8"


@pytest.fixture
def server(digi_server):
    return digi_server


async def test_an_empty_inventory_has_an_empty_list_and_no_cursor(server):
    assert await server.get() == {"count": 0, "size": 1000, "start": 0, "list": []}


async def test_the_root_lists_every_endpoint(server):
    summary = await server.get("")

    assert summary["count"] == len(summary["list"])
    assert {"method": "PUT", "path": f"{ROOT}/cancel{{id}}", "description": "Cancel one job"} in (
        summary["list"]
    )
    assert all(set(entry) == {"method", "path", "description"} for entry in summary["list"])


async def test_a_job_is_shown_with_the_members_of_the_contract(server):
    account = (await server.ok(server.token, "GET", "/me"))["id"]
    device = await server.device()
    number = await server.job(
        device,
        failed=1,
        error="Device Not Connected",
        source=Actor(type="user", id=account),
        name="Nightly reboot",
    )

    job = await server.get(f"/{number}")

    ended = job.pop("end_time")
    assert ended.endswith("Z")
    assert job == {
        "id": number,
        "job_type": "resource_job",
        "status": "failed",
        "username": ADMIN,
        "customer_id": 1,
        "job_name": "Nightly reboot",
        "submit_time": "2027-01-15T08:00:00.000Z",
        "target_count": 1,
        "success_count": 0,
        "failure_count": 1,
        "canceled_count": 0,
        "progress_percent": 100,
        "cancel_requested": False,
        "error_message": "Device Not Connected",
        "source": "resource_job",
        "source_id": f"{1:024x}",
        "targets": [device],
    }


@pytest.mark.parametrize(
    ("state", "counts", "status", "progress"),
    [
        ("new", {}, "new", 0),
        ("queued", {}, "new", 0),
        ("running", {"succeeded": 1}, "in_progress", 33),
        ("paused", {}, "in_progress", 0),
        ("failing", {}, "in_progress", 0),
        ("canceling", {"cancel_requested": 1}, "in_progress", 0),
        ("succeeded", {"succeeded": 2, "failed": 1}, "complete", 100),
        ("succeeded", {"failed": 2, "timed_out": 1}, "failed", 100),
        ("failed", {}, "failed", 0),
        ("canceled", {"succeeded": 2}, "canceled", 66),
    ],
)
async def test_each_state_has_its_word_and_counts(server, state, counts, status, progress):
    devices = [await server.device(f"d{n}") for n in range(3)]
    number = await server.job(*devices, state=state, **counts)

    job = await server.get(f"/inventory/{number}")

    assert (job["status"], job["progress_percent"]) == (status, progress)
    assert job["canceled_count"] == (1 if state == "canceled" else 0)
    assert await server.ids(f"status = '{status}'") == [number]
    assert await server.ids(f"status <> '{status}'") == []


async def test_one_job_can_be_read_in_every_form(server):
    (number, *_rest) = await fleet(server)

    plain = await server.get(f"/{number}")

    for path in (f"/inventory/{number}", f"/{number}/", f"/{number}.json", f"/000{number}"):
        assert await server.get(path) == plain
    for path, accept in ((f"/{number}.xml", "*/*"), (f"/{number}", "application/xml")):
        answer = await server.ask("GET", path, basic() | {"Accept": accept})
        assert answer.headers["content-type"] == XML
        root = ET.fromstring(answer.content)
        assert root.tag == "job"
        assert root.findtext("id") == str(number)
        assert [item.text for item in root.iter("item")] == plain["targets"]


async def test_the_list_is_the_same_as_json_and_xml(server):
    await fleet(server)
    listed = await server.get("/inventory")

    assert await server.get("/inventory.json") == listed
    assert await server.get("/inventory/") == listed
    accepting = basic() | {"Accept": "text/html, application/xml;q=0.9, */*;q=0.8"}
    for path, headers in (("/inventory.xml", basic()), ("/inventory", accepting)):
        answer = await server.ask("GET", path, headers)
        assert answer.headers["content-type"] == XML
        root = ET.fromstring(answer.content)
        assert [child.tag for child in root] == ["count", "size", "start", "list"]
        rows = [{cell.tag: cell.text for cell in job} for job in root.iter("job")]
        assert [list(row) for row in rows] == [list(job) for job in listed["list"]]
        assert [row["id"] for row in rows] == [str(job["id"]) for job in listed["list"]]


async def test_what_xml_forbids_is_replaced_and_the_rest_escaped(server):
    await server.job(name='a<b>&"c" \x01\x0b\ufffe \U0001f69c\r\n', error=None)

    answer = await server.ask("GET", "/inventory.xml")

    root = ET.fromstring(answer.content)
    assert root.findtext(".//job_name") == 'a<b>&"c" \ufffd\ufffd\ufffd \U0001f69c\r\n'
