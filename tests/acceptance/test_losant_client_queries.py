"""Last values and series of many devices, by the vendor's client."""

from __future__ import annotations

import time

import pytest
from losant_rest import Client

from drover.model.instants import to_ms
from tests.support.vendor import refused

MINUTE_MS = 60_000
FIVE_MS = 5 * MINUTE_MS
TOP_MS = (int(time.time() * 1000) // FIVE_MS - 2) * FIVE_MS
"""Ten minutes ago or more, where a bucket of five minutes begins."""
ATTRIBUTES = [
    {"name": "volts", "dataType": "number"},
    {"name": "mode", "dataType": "string"},
    {"name": "on", "dataType": "boolean"},
    {"name": "place", "dataType": "gps"},
]
AGES = [(9, 1), (8, 3), (7, 8), (4, 10), (1, 20)]
"""Minutes before the top, and volts then."""


@pytest.fixture
def pumps(vendor):
    """Two pumps of which the first reported much, the second once, and a third never."""
    first, second, third = (
        vendor.client.devices.post(
            **vendor.key,
            device={"name": name, "tags": tags, "attributes": ATTRIBUTES},
        )["id"]
        for name, tags in (("One", [{"key": "floor", "value": "8"}]), ("Two", []), ("Three", []))
    )
    report(
        vendor,
        first,
        *(
            {"time": TOP_MS - age * MINUTE_MS, "data": {"volts": volts, "mode": f"m{volts}"}}
            for age, volts in AGES
        ),
        {"time": TOP_MS - 2 * MINUTE_MS, "data": {"on": True, "place": "1.5,2.5"}},
    )
    report(vendor, second, {"time": TOP_MS - MINUTE_MS, "data": {"volts": 7, "on": False}})
    return first, second, third


def report(vendor, device_id, *reports):
    vendor.client.device.send_state(**vendor.key, deviceId=device_id, deviceState=list(reports))


def asked(vendor, **query):
    return vendor.client.data.time_series_query(**vendor.key, query=query)


def points(answer, device_id, name="volts"):
    found = answer["devices"][device_id]["points"]
    return {moment(each["time"]): each["data"][name] for each in found if name in each["data"]}


def moment(text):
    """Return by how many minutes a moment is before the top."""
    return (TOP_MS - to_ms(text)) / MINUTE_MS


def test_the_newest_value_of_an_attribute_is_told_of_each_device(vendor, pumps):
    first, second, third = pumps
    last = vendor.client.data.last_value_query

    now = last(**vendor.key, query={"attribute": "volts", "deviceIds": list(pumps)})
    then = last(
        **vendor.key,
        query={"attribute": "volts", "deviceQuery": {}, "end": TOP_MS - 3 * MINUTE_MS},
    )

    assert {name: each["data"] for name, each in now.items()} == {
        first: {"volts": 20},
        second: {"volts": 7},
    }
    assert moment(now[first]["time"]) == 1
    assert {name: each["data"] for name, each in then.items()} == {first: {"volts": 10}}
    tagged = {"attribute": "place", "deviceTags": [{"key": "floor", "value": "8"}]}
    assert last(**vendor.key, query=tagged)[first]["data"] == {"place": "1.5,2.5"}
    assert last(**vendor.key, query={"attribute": "on", "deviceIds": [third]}) == {}


@pytest.mark.parametrize(
    ("aggregation", "older", "newer"),
    [
        ("FIRST", 1, 10),
        ("LAST", 8, 20),
        ("COUNT", 3, 2),
        ("MAX", 8, 20),
        ("MIN", 1, 10),
        ("MEDIAN", 3, 15),
        ("MEAN", 4, 15),
        ("SUM", 12, 30),
        ("STD_DEV", pytest.approx(2.944, abs=0.001), 5),
        ({"type": "TIMEATVALUE", "options": {"value": 10}}, 0, 3 * MINUTE_MS),
    ],
)
def test_values_are_gathered_into_buckets(vendor, pumps, aggregation, older, newer):
    answer = asked(
        vendor,
        end=TOP_MS,
        duration=2 * FIVE_MS,
        resolution=FIVE_MS,
        aggregation=aggregation,
        attributes=["volts"],
        deviceIds=list(pumps),
    )

    assert points(answer, pumps[0]) == {10: older, 5: newer}
    assert answer["devices"][pumps[0]]["tags"] == {"floor": ["8"]}
    assert answer["devices"][pumps[2]] == {"name": "Three", "points": [], "tags": {}}
    assert (moment(answer["start"]), moment(answer["end"])) == (10, 0)
    assert (answer["resolution"], answer["aggregation"]) == (FIVE_MS, aggregation)
    assert (answer["limit"], answer["order"]) == (None, "asc")


def test_without_an_aggregation_values_are_told_as_they_were_reported(vendor, pumps):
    first, second, _ = pumps
    span = {"start": TOP_MS - 2 * FIVE_MS, "end": TOP_MS, "deviceQuery": {}}

    everything = asked(vendor, **span)
    newest = asked(vendor, **span, attributes=["volts"], limit=2, order="desc")

    assert points(everything, first) == dict(AGES)
    assert points(everything, first, "place") == {2: "1.5,2.5"}
    assert points(everything, second, "on") == {1: False}
    assert list(points(newest, first).items()) == [(1, 20), (4, 10)]
    assert (newest["limit"], newest["resolution"], newest["aggregation"]) == (2, None, "NONE")


def test_text_counts_only_where_no_number_is_needed(vendor, pumps):
    span = {"end": TOP_MS, "duration": 2 * FIVE_MS, "deviceIds": [pumps[0]]}

    counted = asked(vendor, **span, aggregation="COUNT")
    summed = asked(vendor, **span, aggregation={"type": "SUM", "options": {}})

    assert counted["devices"][pumps[0]]["points"][0]["data"] == {
        "volts": 5,
        "mode": 5,
        "on": 1,
        "place": 1,
    }
    assert summed["devices"][pumps[0]]["points"][0]["data"] == {"volts": 42, "on": 1}
    held = {"type": "TIMEATVALUE", "options": {"value": True}}
    kept = asked(vendor, **span, aggregation=held, attributes=["on"])
    assert points(kept, pumps[0], "on") == {10: 2 * MINUTE_MS}


def test_a_beginning_within_a_bucket_takes_the_bucket_whole(vendor, pumps):
    answer = asked(
        vendor,
        start=TOP_MS - 7 * MINUTE_MS,
        end=TOP_MS - MINUTE_MS,
        resolution=FIVE_MS,
        aggregation="SUM",
        attributes=["volts"],
        deviceIds=[pumps[0]],
        order="desc",
    )

    assert list(points(answer, pumps[0]).items()) == [(5, 30), (10, 12)]


def test_what_is_reported_now_is_in_the_hour_that_is_asked_for_without_a_range(vendor, pumps):
    report(vendor, pumps[2], {"data": {"volts": 99}})

    answer = asked(vendor, deviceIds=[pumps[2]], aggregation="LAST")

    assert [each["data"] for each in answer["devices"][pumps[2]]["points"]] == [{"volts": 99}]


def test_numbers_that_no_number_can_hold_are_left_out(vendor, pumps):
    for age, volts in ((1, 1.7e308), (2, 1.7e308)):
        report(vendor, pumps[2], {"time": TOP_MS - age * MINUTE_MS, "data": {"volts": volts}})
    span = {"end": TOP_MS, "duration": FIVE_MS, "deviceIds": [pumps[2]]}

    for aggregation in ("SUM", "MEAN", "MEDIAN", "STD_DEV"):
        answer = asked(vendor, **span, aggregation=aggregation)
        for each in answer["devices"][pumps[2]]["points"]:
            assert all(abs(value) < 1.8e308 for value in each["data"].values())
    assert points(asked(vendor, **span, aggregation="MAX"), pumps[2]) == {5: 1.7e308}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"start": 5, "end": 4}, "start"),
        ({"start": 0, "end": 0}, "start"),
        ({"start": -1, "end": -5}, "start"),
        ({"end": 10**17}, "end"),
        ({"start": -(10**17)}, "start"),
        ({"duration": 0}, "duration"),
        ({"duration": -5}, "duration"),
        ({"resolution": 0, "aggregation": "SUM"}, "resolution"),
        ({"duration": 10**9, "resolution": 1, "aggregation": "SUM"}, "25000"),
        ({"start": 1, "resolution": 0.001, "aggregation": "SUM"}, "25000"),
        ({"limit": 10**9}, "limit"),
        ({"limit": 0}, "limit"),
        ({"order": "sideways"}, "order"),
        ({"aggregation": "sum"}, "aggregation"),
        ({"aggregation": "TIMEATVALUE"}, "aggregation"),
        ({"aggregation": {"type": "TIMEATVALUE"}}, "aggregation"),
        ({"aggregation": {"type": "TIMEATVALUE", "options": {}}}, "aggregation"),
        ({"aggregation": {"type": "SUM", "options": {"value": 1}}}, "aggregation"),
        ({"attributes": ["a.b"]}, "attributes"),
        ({"deviceIds": ["x"]}, "deviceIds"),
        ({"deviceIds": ["a" * 24] * 1001}, "deviceIds"),
        ({"deviceQuery": {"colour": 1}}, "deviceQuery"),
        ({"colour": 1}, "colour"),
    ],
)
def test_questions_that_make_no_sense_are_refused(vendor, query, told):
    wanted = {"deviceQuery": {}, **query}

    failure = vendor.raw("POST", "/data/time-series-query", json=wanted)

    assert failure.status_code == 400
    assert failure.json()["type"] == "Validation"
    assert told in failure.text or told == "deviceQuery"


@pytest.mark.parametrize("body", [{}, {"deviceIds": []}, {"deviceTags": [{}]}])
def test_a_question_that_chooses_no_device_is_refused(vendor, body):
    for query in ("time-series-query", "last-value-query"):
        given = {**body, **({"attribute": "volts"} if query.startswith("last") else {})}

        failure = vendor.raw("POST", f"/data/{query}", json=given)

        assert (failure.status_code, "deviceQuery" in failure.text) == (400, True)


def test_devices_of_another_application_look_missing(vendor, pumps):
    client = vendor.client
    other = {"applicationId": client.applications.post(application={"name": "Other"})["id"]}

    found = client.data.time_series_query(**other, query={"deviceIds": list(pumps)})
    last = client.data.last_value_query(
        **other, query={"attribute": "volts", "deviceIds": list(pumps)}
    )

    assert (found["devices"], last) == ({}, {})


def test_a_token_needs_the_right_to_ask(vendor, pumps):
    query = {"attribute": "volts", "deviceIds": [pumps[0]]}

    assert pumps[0] in vendor.as_token("data.lastValueQuery").data.last_value_query(
        **vendor.key, query=query
    )
    refused(403, "", vendor.as_token("data.timeSeriesQuery").data.last_value_query,
            **vendor.key, query=query)  # fmt: skip


def test_a_device_is_told_of_itself_alone(vendor, pumps):
    key = vendor.client.application_keys.post(
        **vendor.key, applicationKey={"deviceIds": [pumps[0]]}
    )
    own = {"deviceId": pumps[0], "key": key["key"], "secret": key["secret"]}
    token = Client(url=vendor.url).auth.authenticate_device(credentials=own)["token"]
    device = Client(auth_token=token, url=vendor.url)

    found = device.data.time_series_query(**vendor.key, query={"deviceIds": list(pumps)})
    last = device.data.last_value_query(
        **vendor.key, query={"attribute": "volts", "deviceQuery": {}}
    )

    assert ([*found["devices"]], [*last]) == ([pumps[0]], [pumps[0]])
