"""Events over real HTTP with the vendor's own client."""

from __future__ import annotations

import pytest
from losant_rest import LosantError

from tests.support.catalog_server import USER


def refusal(call, **arguments) -> LosantError:
    with pytest.raises(LosantError) as refused:
        call(**arguments)
    return refused.value


def make(losant, plant, **event) -> dict:
    body = {"level": "info", "subject": "Hot", **event}
    return losant.events.post(applicationId=plant, event=body)


def test_an_event_tells_its_source_and_starts_new(losant, plant):
    device = losant.devices.post(applicationId=plant, device={"name": "Pump"})

    made = make(losant, plant, deviceId=device["id"], data={"a": [1]}, eventTags={"a": "1"})

    assert (made["state"], made["sourceType"], made["sourceId"]) == ("new", "user", USER)
    assert (made["deviceName"], made["data"], made["updates"]) == ("Pump", {"a": [1]}, [])
    assert losant.event.get(applicationId=plant, eventId=made["id"]) == made


def test_an_update_is_kept_with_what_it_changed(losant, plant):
    made = make(losant, plant, eventTags={"a": "1", "b": "2"})
    change = {
        "state": "acknowledged",
        "level": "error",
        "comment": "looking",
        "eventTags": {"a": "3"},
    }

    patched = losant.event.patch(applicationId=plant, eventId=made["id"], event=change)

    (update,) = patched["updates"]
    assert patched["eventTags"] == {"a": "3", "b": "2"}
    assert (patched["state"], patched["level"]) == ("acknowledged", "error")
    assert update["stateChange"] == {"old": "new", "new": "acknowledged"}
    assert update["levelChange"] == {"old": "info", "new": "error"}
    assert update["tagsChange"] == {"a": {"old": "1", "new": "3"}}
    assert update["comment"] == "looking"
    assert "subjectChange" not in update


def test_the_last_hundred_updates_are_kept(losant, plant):
    made = make(losant, plant)
    for number in range(102):
        losant.event.patch(applicationId=plant, eventId=made["id"], event={"comment": str(number)})

    found = losant.event.get(applicationId=plant, eventId=made["id"])

    assert [each["comment"] for each in found["updates"]][::99] == ["2", "101"]


def test_a_null_device_takes_it_away(losant, plant):
    device = losant.devices.post(applicationId=plant, device={"name": "Pump"})
    made = make(losant, plant, deviceId=device["id"])

    patched = losant.event.patch(applicationId=plant, eventId=made["id"], event={"deviceId": None})

    assert "deviceId" not in patched
    assert patched["updates"][0]["deviceIdChange"]["oldDeviceName"] == "Pump"


def test_events_are_listed_newest_first_and_narrowed(losant, plant):
    for day, subject in ((1, "Cold"), (3, "Hot"), (2, "Wet")):
        make(losant, plant, subject=subject, creationDate=f"2020-01-0{day}T00:00:00Z")
    first = losant.events.get(applicationId=plant)["items"][0]
    losant.event.patch(applicationId=plant, eventId=first["id"], event={"state": "resolved"})

    def found(**arguments) -> list[str]:
        listed = losant.events.get(applicationId=plant, **arguments)
        return [item["subject"] for item in listed["items"]]

    assert found() == ["Hot", "Wet", "Cold"]
    assert found(state="new") == ["Wet", "Cold"]
    assert found(filterField="subject", filter="*ET") == ["Wet"]
    assert found(query={"creationDate": {"$lt": "2020-01-02T00:00:00.000Z"}}) == ["Cold"]
    assert found(query={"state": "resolved"}, state="new") == ["Hot"]
    assert refusal(losant.events.get, applicationId=plant, state="odd").status == 400


def test_many_events_are_updated_and_deleted_by_query_and_by_nothing_less(losant, plant):
    make(losant, plant, level="error")
    make(losant, plant, level="info")

    losant.events.patch(
        applicationId=plant, query={"level": "error"}, updates={"state": "resolved"}
    )
    all_of_them = refusal(losant.events.patch, applicationId=plant, updates={"state": "resolved"})
    nothing = refusal(losant.events.delete, applicationId=plant)
    removed = losant.events.delete(applicationId=plant, query={"state": "resolved"})

    assert (all_of_them.status, nothing.status) == (400, 400)
    assert removed == {"removed": 1}
    assert [each["level"] for each in losant.events.get(applicationId=plant)["items"]] == ["info"]


def test_the_gravest_of_the_new_is_told_with_their_count(losant, plant):
    make(losant, plant, level="warning")
    grave = make(losant, plant, level="critical")
    make(losant, plant, level="info")

    told = losant.events.most_recent_by_severity(applicationId=plant)

    assert (told["event"]["id"], told["newCount"]) == (grave["id"], 3)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"level": "odd", "subject": "x"}, "level"),
        ({"level": "info"}, "subject"),
        ({"level": "info", "subject": ""}, "subject"),
        ({"level": "info", "subject": "x", "deviceId": "5f" * 12}, "deviceId"),
        ({"level": "info", "subject": "x", "eventTags": {"a b": "1"}}, "eventTags"),
        ({"level": "info", "subject": "x", "updates": []}, "updates"),
    ],
)
def test_events_that_do_not_fit_are_refused_by_field(losant, plant, event, field):
    refused = refusal(losant.events.post, applicationId=plant, event=event)

    assert refused.status == 400
    assert field in refused.data["message"]
