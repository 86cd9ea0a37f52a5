"""The steps of a bulk change, one at a time."""

from __future__ import annotations

import msgspec
import pytest

from drover.app.device_updates import Change, applied, check
from drover.kinds.device import KIND
from drover.model.bodies import convert
from drover.model.errors import Invalid
from drover.model.kind import Stamp

BODY = {
    "name": "Pump",
    "description": "old",
    "parentId": "b" * 24,
    "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}],
    "attributes": [
        {"name": "heat", "dataType": "number", "attributeTags": {"u": "C"}, "description": "d"},
        {"name": "label", "dataType": "string"},
    ],
}
DEVICE = KIND.create(msgspec.json.encode(BODY), Stamp("a" * 24, "c" * 24, 0))


def after(**step) -> dict:
    """Return the document of the device after one step."""
    change = convert(step, Change)
    check(change)
    return msgspec.json.decode(KIND.shown(applied(DEVICE, None, [change])))


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("name", "New"),
        ("description", "new"),
        ("deviceClass", "gateway"),
        ("gatewayId", "d" * 24),
        ("parentId", "d" * 24),
        ("systemInterval", 60),
        ("keepDuplicates", True),
    ],
)
def test_a_plain_field_is_set(target, value):
    assert after(operation="set", target=target, value=value)[target] == value


def test_ids_are_kept_in_lower_case():
    assert after(operation="set", target="parentId", value="D" * 24)["parentId"] == "d" * 24


@pytest.mark.parametrize("target", ["description", "parentId"])
def test_a_plain_field_is_taken_away(target):
    assert target not in after(operation="remove", target=target)


def test_a_tag_replaces_those_of_its_key():
    found = after(operation="set", target="tag", value={"key": "a", "value": "9"})

    assert found["tags"] == [{"key": "b", "value": "2"}, {"key": "a", "value": "9"}]
    assert after(operation="remove", target="tag", tagKey="a")["tags"] == found["tags"][:1]


def test_attributes_come_and_go():
    new = {"name": "open", "dataType": "boolean"}

    added = after(operation="add", target="attribute", value=new)["attributes"]
    removed = after(operation="remove", target="attribute", attributeName="heat")["attributes"]

    assert [each["name"] for each in added] == ["heat", "label", "open"]
    assert [each["name"] for each in removed] == ["label"]


def test_members_of_an_attribute_are_set_and_taken_away():
    heat = {"attributeName": "heat"}

    def first(**step) -> dict:
        return after(**step, **heat)["attributes"][0]

    tag = {"key": "v", "value": "x"}
    assert first(operation="set", target="attributeTag", value=tag)["attributeTags"] == {
        "u": "C",
        "v": "x",
    }
    assert first(operation="remove", target="attributeTag", tagKey="u")["attributeTags"] == {}
    assert first(operation="set", target="attributeDescription", value="n")["description"] == "n"
    assert first(operation="set", target="attributeContentType", value="t")["contentType"] == "t"
    assert first(operation="set", target="attributeName", value="warm")["name"] == "warm"
    assert "description" not in first(operation="remove", target="attributeDescription")


def test_a_step_that_two_attributes_cannot_take_is_refused_for_the_device():
    change = Change(operation="set", target="attributeName", attribute_name="heat", value="label")

    with pytest.raises(Invalid):
        applied(DEVICE, None, [change])


def test_a_patch_comes_before_the_steps():
    fields = convert({"name": "first"}, KIND.patch_type)
    step = Change(operation="set", target="description", value="then")

    new = applied(DEVICE, fields, [step])

    assert (new.name, new.description) == ("first", "then")


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"operation": "remove", "target": "name"}, "updateOperations"),
        ({"operation": "add", "target": "tag"}, "updateOperations"),
        ({"operation": "set", "target": "name"}, "value"),
        ({"operation": "set", "target": "name", "value": ""}, "value"),
        ({"operation": "set", "target": "deviceClass", "value": "rocket"}, "value"),
        ({"operation": "set", "target": "parentId", "value": "short"}, "value"),
        ({"operation": "set", "target": "tag", "value": {"key": "a"}}, "value.value"),
        ({"operation": "remove", "target": "tag"}, "tagKey"),
        ({"operation": "remove", "target": "attribute"}, "attributeName"),
        ({"operation": "set", "target": "attributeName", "value": "x"}, "attributeName"),
        ({"operation": "remove", "target": "attributeTag", "attributeName": "a"}, "tagKey"),
    ],
)
def test_a_step_that_no_device_could_take_is_refused(step, field):
    with pytest.raises(Invalid) as refused:
        check(convert(step, Change))

    assert refused.value.field == field
