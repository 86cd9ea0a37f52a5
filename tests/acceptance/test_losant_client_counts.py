"""Search and counts of an application, by the vendor's client."""

from __future__ import annotations

import time
from uuid import uuid4

import httpx
import pytest

from tests.support.vendor import refused, sound, until

DAY_MS = 86_400_000
LONG_AGO = "1990-01-01T00:00:00Z"


def test_everything_is_found_by_a_part_of_its_name(losant, plant):
    client, key = losant, {"applicationId": plant}
    device = client.devices.post(**key, device={"name": "Boiler A", "deviceClass": "gateway"})
    flow = client.flows.post(**key, flow={"name": "Watch boilers"})
    view = {"name": "boiler page", "viewType": "page"}
    client.experience_views.post(**key, experienceView=view)
    client.files.post(**key, file={"name": "boiler.png", "type": "file", "parentDirectory": "/i"})
    client.devices.post(**key, device={"name": "Pump"})

    found = client.application.search(**key, filter="BOIL")

    assert [each["name"] for each in found] == [
        "Boiler A",
        "boiler page",
        "boiler.png",
        "Watch boilers",
    ]
    of = {each["_type"]: each for each in found}
    assert of["device"] == {
        "id": device["id"],
        "name": "Boiler A",
        "_type": "device",
        "deviceClass": "gateway",
    }
    assert (of["flow"]["id"], of["flow"]["flowClass"]) == (flow["id"], "cloud")
    assert of["experienceView"]["viewType"] == "page"
    assert of["file"]["metadata"] == {"descriptor": "file", "parentDirectory": "/i"}
    client.device.patch(**key, deviceId=device["id"], device={"name": "Kettle"})
    assert client.application.search(**key, filter="boiler a") == []
    other = {"applicationId": client.applications.post(application={"name": "Other"})["id"]}
    assert client.application.search(**other, filter="kettle") == []
    for blank in ("", "  "):
        refused(400, "filter", client.application.search, **key, filter=blank)
    refused(400, "filter", client.application.search, **key, filter="x" * 256)


def test_what_costs_more_to_count_is_told_where_it_is_named(vendor):
    client, key = vendor.client, vendor.key
    for name, size in (("a.txt", 5), ("b.txt", 7)):
        body = {"name": name, "type": "file", "parentDirectory": "/", "fileSize": size}
        client.files.post(**key, file=body)
    client.events.post(**key, event={"level": "info", "subject": "x"})

    usual = client.application.get(**key)["summary"]
    named = "payloadCount,storageStats,notebookStats,fileCount"
    told = until(
        lambda: client.application.get(**key, summaryInclude=named)["summary"],
        lambda summary: summary["payloadCount"],
    )

    assert not {"payloadCount", "storageStats", "notebookStats"} & usual.keys()
    assert told["payloadCount"]["event"] == {"user.rest": 1}
    assert told["storageStats"] == {"count": 2, "size": 12}
    assert told["notebookStats"] == {
        "awaitingCompletion": 0,
        "minutesThisPeriod": 0,
        "runsThisPeriod": 0,
    }
    assert told["fileCount"] == 2
    alone = client.applications.get(summaryInclude="storageStats", filter="*", filterField="name")
    assert {"storageStats"} == alone["items"][0]["summary"].keys()
    left = client.application.get(**key, summaryInclude=named, summaryExclude="payloadCount")
    assert "payloadCount" not in left["summary"]


def test_payloads_are_counted_by_what_they_are_and_whence_they_came(vendor):
    client, key = vendor.client, vendor.key
    attributes = [{"name": "t", "dataType": "number"}]
    device = client.devices.post(**key, device={"name": "Pump", "attributes": attributes})
    one = {**key, "deviceId": device["id"]}
    client.device.send_state(**one, deviceState=[{"data": {"t": 1}}, {"data": {"t": 2}}])
    client.device.send_command(**one, deviceCommand={"name": "go"})
    client.device.set_connection_status(**one, connectionStatus={"status": "connected"})
    client.events.post(**key, event={"level": "info", "subject": "x"})
    table = vendor.table(("n", "number", "optional"))
    client.data_table_rows.post(**table, dataTableRow=[{"n": 1}, {"n": 2}, {"n": 3}])
    wanted = {
        "deviceCreate": {"user.rest": 1},
        "deviceState": {"user.rest": 2},
        "deviceCommand": {"user.rest": 1},
        "deviceConnect": {"user.rest": 1},
        "event": {"user.rest": 1},
        "dataTable": {"user.rest": 3},
    }

    counted = until(
        lambda: client.application.payload_counts(**key),
        lambda seen: {name: each for name, each in seen.items() if each} == wanted,
    )

    assert len(counted) == 19
    sizes = client.application.payload_counts(**key, asBytes=True)
    assert sizes["deviceState"]["user.rest"] > 2
    old = client.application.payload_counts(**key, start=-9 * DAY_MS, end=-5 * DAY_MS)
    assert not any(old.values())
    days = sound(client.application.payload_counts_breakdown(**key))
    assert sum(each["value"] for each in days["counts"]) == 4
    hours = client.application.payload_counts_breakdown(
        **key, resolution=3_600_000, start=-DAY_MS, includeNonBillable=True
    )
    assert sum(each["value"] for each in hours["counts"]) == 9
    assert len(hours["counts"]) in {25, 26}
    mine = client.me.payload_counts()
    assert mine["dataTable"]["user.rest"] >= 3


def test_devices_are_counted_by_day(vendor):
    client, key = vendor.client, vendor.key
    ids = vendor.devices(3)
    client.device.delete(**key, deviceId=ids[0])

    days = sound(client.application.device_counts(**key, start=-2 * DAY_MS))["counts"]

    assert sum(each["created"] for each in days) == 3
    assert sum(each["deleted"] for each in days) == 1
    assert days[-1]["total"] == 2
    later = client.application.device_counts(
        **key, start=int(time.time() * 1000) + DAY_MS, end=int(time.time() * 1000) + 2 * DAY_MS
    )
    assert {each["total"] for each in later["counts"]} == {2}
    none = client.application.notebook_minute_counts(**key, start=-DAY_MS)
    assert none["counts"][0]["minutes"] == 0


def test_where_nothing_moved_the_counts_are_empty(losant, plant):
    key = {"applicationId": plant}

    assert not any(losant.application.payload_counts(**key).values())
    days = losant.application.payload_counts_breakdown(**key, asBytes=True)["counts"]
    assert {each["value"] for each in days} == {0}
    assert losant.application.device_counts(**key)["counts"][-1]["total"] == 0
    refused(400, "2400", losant.application.notebook_minute_counts, **key, start=LONG_AGO)


def test_counts_from_the_beginning_go_as_far_back_as_is_shown(losant, plant):
    key = {"applicationId": plant, "start": 1, "end": 0}
    calls = losant.application

    for counted in (calls.payload_counts_breakdown, calls.device_counts):
        assert len(counted(**key)["counts"]) in (2400, 2401)  # the first and last are parts of days
    hours = calls.payload_counts_breakdown(**key, resolution="3600000")["counts"]
    assert len(hours) in (2400, 2401)


def test_an_organisations_counts_are_its_members(vendor):
    client = vendor.client
    org = client.orgs.post(organization={"name": uuid4().hex})
    client.applications.post(application={"name": "Owned", "orgId": org["id"]})

    assert not any(client.org.payload_counts(orgId=org["id"]).values())
    assert client.org.device_counts(orgId=org["id"])["counts"][-1]["total"] == 0
    assert client.org.payload_counts_breakdown(orgId=org["id"])["counts"][-1]["value"] == 0
    assert client.org.notebook_minute_counts(orgId=org["id"])["counts"][-1]["minutes"] == 0
    refused(404, "", client.org.payload_counts, orgId="f" * 24)


def test_a_persons_counts_are_those_of_all_their_applications(vendor):
    before = vendor.client.me.device_counts()["counts"][-1]
    vendor.devices(2)

    after = vendor.client.me.device_counts()["counts"][-1]
    days = sound(vendor.client.me.payload_counts_breakdown(start=-2 * DAY_MS))

    assert after["total"] - before["total"] == 2
    assert after["created"] >= 2
    assert all(each["value"] >= 0 for each in days["counts"])
    assert vendor.client.me.notebook_minute_counts()["counts"][-1]["minutes"] == 0


@pytest.mark.parametrize(
    "query", [{"start": "moon"}, {"start": 5, "end": 4}, {"start": LONG_AGO}, {"resolution": 7}]
)
def test_spans_that_make_no_sense_are_refused(vendor, query):
    call = vendor.client.application.payload_counts_breakdown

    refused(400, "", call, **vendor.key, **query)


def test_each_application_of_a_list_is_counted_over_a_period(vendor):
    client, name = vendor.client, uuid4().hex
    ours, theirs = (
        client.applications.post(application={"name": f"{name} {each}"})["id"] for each in "AB"
    )
    client.devices.post(applicationId=ours, device={"name": "Pump"})
    listed = {"filterField": "name", "filter": f"{name}*", "start": -2 * DAY_MS}

    found = until(
        lambda: client.applications.period_summaries(**listed, includeNonBillable=True),
        lambda seen: any(day["value"] for day in first(seen, "payloadCounts")),
    )

    assert [each["applicationId"] for each in found["items"]] == [ours, theirs]
    assert (found["count"], found["totalCount"], found["perPage"]) == (2, 2, 100)
    assert [sum(day["created"] for day in first(found, "deviceCounts", n)) for n in (0, 1)] == [
        1,
        0,
    ]
    assert sum(day["value"] for day in first(found, "payloadCounts")) == 1
    assert {day["minutes"] for day in first(found, "notebookMinuteCounts")} == {0}
    billed = client.applications.period_summaries(**listed, include="payloadCounts")
    assert [*billed["items"][0]["summary"]] == ["payloadCounts"]
    assert {day["value"] for day in first(billed, "payloadCounts")} == {0}
    rest = client.applications.period_summaries(**listed, exclude="payloadCounts", perPage=1)
    assert [*rest["items"][0]["summary"]] == ["deviceCounts", "notebookMinuteCounts"]
    assert (rest["count"], rest["totalCount"]) == (1, 2)


def first(summaries, name, place=0):
    """Return the days of one of the counts of an application."""
    return summaries["items"][place]["summary"][name]["counts"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"include": "moons"}, "include"),
        ({"exclude": "payloadCounts,moons"}, "include"),
        ({"perPage": 1000, "start": -41 * DAY_MS}, "40000 days"),
        ({"start": LONG_AGO, "perPage": 1}, "2400"),
        ({"start": 5, "end": 4}, "end"),
        ({"orgId": "x"}, "orgId"),
    ],
)
def test_periods_and_pages_that_make_no_sense_are_refused(vendor, query, told):
    refused(400, told, vendor.client.applications.period_summaries, **query)


def test_a_token_of_an_application_does_not_list_periods(vendor):
    narrow = vendor.as_token("all.Application")

    refused(403, "", narrow.applications.period_summaries)


def test_what_one_device_moved_is_counted_and_that_of_many_by_a_job(vendor):
    client, key = vendor.client, vendor.key
    attributes = [{"name": "t", "dataType": "number"}, {"name": "u", "dataType": "number"}]
    device = client.devices.post(**key, device={"name": "Pump", "attributes": attributes})
    one = {**key, "deviceId": device["id"]}
    vendor.devices(1)
    now = int(time.time() * 1000)
    states = [{"time": now - each * 1000, "data": {"t": 1, "u": 2}} for each in range(3)]
    client.device.send_state(**one, deviceState=states)
    client.device.send_command(**one, deviceCommand={"name": "go"})
    for status in ("connected", "disconnected", "connected"):
        client.device.set_connection_status(**one, connectionStatus={"status": status})
    wanted = {"deviceState": 3, "deviceCommand": 1, "deviceConnect": 2, "deviceDisconnect": 1}

    counted = until(lambda: client.device.payload_counts(**one), lambda seen: seen == wanted)

    assert counted == wanted
    assert client.device.payload_counts(**one, end=-DAY_MS, start=-2 * DAY_MS) == {}
    days = sound(client.device.payload_counts_breakdown(**one, start=-DAY_MS))["counts"]
    assert sum(each["value"] for each in days) == 7
    hours = client.device.payload_counts_breakdown(**one, start=-DAY_MS, resolution=3_600_000)
    assert sum(each["value"] for each in hours["counts"]) == 7
    queued = client.devices.payload_counts(**key, options={"start": -DAY_MS})
    assert queued["jobQueued"] is True
    log = until(
        lambda: client.application_job_logs.get(**key)["items"][-1],
        lambda seen: seen["status"] == "completed",
    )
    lines = httpx.get(log["output"]["downloadUrls"][0]).text.splitlines()
    plain = [each.replace('"', "") for each in lines]
    assert plain[0] == "id,name,deviceCommand,deviceConnect,deviceDisconnect,deviceState"
    assert f"{device['id']},Pump,1,2,1,3" in plain
    assert len(lines) == 3


def test_broken_questions_about_what_devices_moved_are_refused(vendor):
    client, key = vendor.client, vendor.key
    one = {**key, "deviceId": vendor.devices(1)[0]}
    missing = {**key, "deviceId": "0" * 24}

    refused(404, "not found", client.device.payload_counts, **missing)
    refused(404, "not found", client.device.payload_counts_breakdown, **missing)
    refused(400, "resolution", client.device.payload_counts_breakdown, **one, resolution=1)
    refused(400, "2400", client.device.payload_counts_breakdown, **one, start=LONG_AGO)
    refused(400, "end", client.device.payload_counts, **one, end=-9 * DAY_MS, start=-DAY_MS)
    send = client.devices.payload_counts
    refused(400, "colour", send, **key, options={"query": {"colour": 1}})
    refused(400, "end", send, **key, options={"start": -1, "end": -9})
    refused(400, "mail", send, **key, options={"email": "x"})
