import msgspec
import pytest

from drover.flows.matching import matches
from drover.ports.jobs import Firing


def fires(config, data, **root):
    firing = Firing(
        application_id="a" * 24,
        trigger_type="deviceTag",
        key="a/b",
        data=msgspec.json.encode(data),
        root=msgspec.json.encode(root),
    )
    return matches(msgspec.json.encode(config), firing)


@pytest.mark.parametrize(
    ("config", "came", "wanted"),
    [
        ({}, None, True),
        ({}, "each", True),
        ({}, "once", False),
        ({"triggerOn": "individual"}, None, True),
        ({"triggerOn": "individual"}, "each", False),
        ({"triggerOn": "batch"}, None, False),
        ({"triggerOn": "batch"}, "each", True),
        ({"triggerOn": "batch", "batchBehavior": "once"}, "each", False),
        ({"triggerOn": "batch", "batchBehavior": "once"}, "once", True),
        ({"triggerOn": "both", "batchBehavior": "once"}, None, True),
    ],
)
def test_how_a_report_came_decides_whether_a_trigger_wants_it(config, came, wanted):
    root = {} if came is None else {"$batch": came}

    assert fires(config, {"level": 1}, **root) is wanted


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"attributeWhitelist": ["level"]}, True),
        ({"attributeWhitelist": ["other"]}, False),
        ({"attributeBlacklist": ["level"]}, True),
        ({"attributeBlacklist": ["level", "note"]}, False),
    ],
)
def test_the_attributes_of_a_report_decide(config, wanted):
    assert fires(config, {"level": 1, "note": "x"}) is wanted


@pytest.mark.parametrize(("age_ms", "wanted"), [(0, True), (5000, True), (5001, False)])
def test_a_report_that_is_too_old_starts_nothing(age_ms, wanted):
    assert fires({"maxAge": 5}, {"level": 1}, **{"$ageMs": age_ms}) is wanted


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({}, False),
        ({"allowInvalid": False}, False),
        ({"allowInvalid": True}, True),
        ({"allowInvalid": True, "triggerOn": "individual"}, True),
        ({"allowInvalid": True, "triggerOn": "batch"}, False),
        ({"allowInvalid": True, "attributeWhitelist": ["level"]}, True),
    ],
)
def test_what_cannot_be_read_is_wanted_where_a_trigger_says_so(config, wanted):
    assert fires(config, None, original="{") is wanted
