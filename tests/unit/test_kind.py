"""One declaration gives a kind its bodies, documents, scopes and marks."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

import drover.kinds
from drover.discover import discover
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application_key import KIND as KEY
from drover.kinds.data_table import KIND as TABLE
from drover.kinds.data_table import Column, check_columns
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND as EVENT
from drover.kinds.event import EventPost
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.kinds.resource_job import KIND as JOB
from drover.model.errors import Invalid
from drover.model.fields import Access, Hidden, Moment, Name, ReadOnly, Refers
from drover.model.kind import Kind, Stamp
from drover.model.resource import Resource

KINDS = discover(drover.kinds, "KIND", Kind)
STAMP = Stamp("a" * 24, "b" * 24, 1_700_000_000_123, "c" * 24, "user")
LATER = Stamp("", "", 1_700_000_001_000, "d" * 24, "apiToken")


class Thing(Resource, frozen=True, kw_only=True):
    """A thing of this test."""

    name: Name
    born: Moment | UnsetType = UNSET
    seen: ReadOnly[str | UnsetType] = UNSET
    secret: Hidden[str | UnsetType] = UNSET
    owner_id: Annotated[str | UnsetType, Refers("user", checked=False)] = UNSET
    word: Annotated[str | UnsetType, Access.WRITE_ONLY] = UNSET
    once: Annotated[str | UnsetType, Access.SHOWN_ONCE] = UNSET


THING = Kind(Thing, one="thing", many="things", path="things")


def refusal(body: bytes, kind=THING) -> Invalid:
    with pytest.raises(Invalid) as refused:
        kind.create(body, STAMP)
    return refused.value


def test_a_new_resource_has_the_identity_and_time_of_its_stamp():
    thing = THING.create(b'{"name":"x"}', STAMP)

    assert (thing.id, thing.application_id) == ("a" * 24, "b" * 24)
    assert thing.creation_date == thing.last_updated == "2023-11-14T22:13:20.123Z"


def test_a_patch_changes_what_it_names_and_the_date():
    old = THING.create(b'{"name":"x","ownerId":"AB"}', STAMP)

    new = THING.patch(old, b'{"name":"y"}', LATER)

    assert (new.name, new.owner_id, new.creation_date) == ("y", "ab", old.creation_date)
    assert new.last_updated == "2023-11-14T22:13:21.000Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "name"),
        (b'{"name":""}', "name"),
        (b'{"name":1}', "name"),
        (b'{"name":"x","seen":"y"}', "seen"),
        (b'{"name":"x","secret":"y"}', "secret"),
        (b'{"name":"x","once":"y"}', "once"),
        (b'{"name":"x","id":"y"}', "id"),
        (b'{"name":"x","born":"soon"}', "born"),
        (b"[]", None),
        (b"{", None),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_the_field(body, field):
    assert refusal(body).field == field


def test_moments_are_kept_in_utc_with_three_decimals():
    thing = THING.create(b'{"name":"x","born":"2020-01-01T02:00:00+02:00"}', STAMP)

    assert thing.born == "2020-01-01T00:00:00.000Z"


def test_hidden_and_write_only_fields_are_kept_apart_and_come_back():
    thing = THING.create(b'{"name":"x","word":"w"}', STAMP)
    thing = msgspec.structs.replace(thing, secret="s", once="o")

    document, apart = THING.shown(thing), THING.apart(thing)

    assert msgspec.json.decode(document).keys() == {
        "id",
        "applicationId",
        "creationDate",
        "lastUpdated",
        "name",
    }
    assert THING.shown_once(thing) == {"once": "o"}
    assert THING.load(document, apart) == msgspec.structs.replace(thing, once=UNSET)
    assert THING.hidden == {"secret", "word", "once"}


def test_nothing_is_kept_apart_where_nothing_is_hidden():
    plain = THING.create(b'{"name":"x"}', STAMP)

    assert THING.apart(plain) is None
    assert DEVICE.apart(DEVICE.create(b'{"name":"x"}', STAMP)) is None


def test_authors_are_noted_where_a_kind_has_room_for_them():
    flow = FLOW.create(b'{"name":"x"}', STAMP)
    changed = FLOW.patch(flow, b'{"name":"y"}', LATER)
    alone = FLOW.create(b'{"name":"x"}', Stamp("a" * 24, "b" * 24, 0))

    assert (flow.created_by_id, flow.last_updated_by_type) == ("c" * 24, "user")
    assert (changed.created_by_id, changed.last_updated_by_id) == ("c" * 24, "d" * 24)
    assert alone.created_by_id is UNSET


def test_null_clears_what_may_be_cleared_and_nothing_else():
    key = KEY.patch(KEY.create(b'{"name":"x"}', STAMP), b'{"name":null}', LATER)

    assert key.name is UNSET
    with pytest.raises(Invalid):
        DEVICE.patch(DEVICE.create(b'{"name":"x"}', STAMP), b'{"name":null}', LATER)


def test_fields_of_create_and_of_patch_alone_are_refused_in_the_other():
    for kind, good, bad in (
        (JOB, b'{"name":"x","resourceType":"device"}', b'{"resourceType":"device"}'),
        (TABLE, b'{"name":"x"}', b'{"columns":[]}'),
    ):
        with pytest.raises(Invalid):
            kind.patch(kind.create(good, STAMP), bad, LATER)
    assert refusal(b'{"status":"active"}', KEY).field == "status"


def test_what_the_path_says_is_not_part_of_the_body():
    version = VERSION.create(b'{"version":"v1"}', STAMP, {"flow_id": "f" * 24})

    assert version.flow_id == "f" * 24
    assert refusal(b'{"version":"v1","flowId":"x"}', VERSION).field == "flowId"
    assert (VERSION.parent_field, DEVICE.parent_field) == ("flow_id", "")


def test_references_tell_their_kind_and_whether_they_are_checked():
    assert THING.references == {"owner_id": "user"}
    assert THING.checked_references == {}
    assert DEVICE.checked_references == {"gateway_id": "device", "parent_id": "device"}


def test_scopes_follow_the_families_and_their_marks():
    assert THING.scopes("get") == {
        "all.Application",
        "all.Application.read",
        "all.Organization",
        "all.Organization.read",
        "all.User",
        "all.User.read",
        "thing.*",
        "thing.get",
    }
    assert THING.scopes("patch") == {
        "all.Application",
        "all.Organization",
        "all.User",
        "thing.*",
        "thing.patch",
    }
    assert {"things.*", "things.post"} < THING.scopes("post", collection=True)
    assert {"all.Device", "all.Device.read"} < DEVICE.scopes("get")
    assert {"all.Application.cli", "all.User.cli"} < TABLE.scopes("get")
    assert "all.User.read" in THING.scopes("query", reads=True)


def test_names_follow_from_the_declaration():
    assert (THING.identifier, THING.type_names, THING.title) == (
        "thingId",
        ("thing", "things"),
        "Thing",
    )
    assert KEY.title == "Access key"


@pytest.mark.parametrize("kind", KINDS, ids=[kind.one for kind in KINDS])
def test_every_kind_can_describe_its_bodies(kind):
    for shape in (kind.post_type, kind.patch_type):
        assert msgspec.json.schema(shape)["$defs"]
    assert kind.default_sort in kind.sortable
    assert set(kind.references.values()) <= {each.one for each in KINDS}


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (JOB, {"resourceType": "dataTableRow"}, "dataTableId"),
        (JOB, {"resourceType": "dataTableRow", "dataTableId": "}}{{"}, "dataTableId"),
        (DEVICE, {"parentId": "a" * 24}, "parentId"),
        (GROUP, {"parentId": "A" * 24}, "parentId"),
        (VERSION, {"version": "develop"}, "version"),
        (USER, {"email": "a@b.c"}, "password"),
        (
            TABLE,
            {"columns": [{"name": "id", "dataType": "string", "constraint": "optional"}]},
            "columns",
        ),
    ],
)
def test_rules_that_types_cannot_say_are_checked(kind, body, field):
    needed = {} if kind in (VERSION, USER) else {"name": "x"}
    within = {"flow_id": "f" * 24} if kind is VERSION else None
    with pytest.raises(Invalid) as refused:
        kind.create(msgspec.json.encode({**needed, **body}), STAMP, within)
    assert refused.value.field == field


@pytest.mark.parametrize("table", ["5F" * 12, "{{ctx.table}}", "a{{b}}c"])
def test_a_jobs_table_is_an_id_or_a_template(table):
    body = {"name": "x", "resourceType": "dataTableRow", "dataTableId": table}

    assert JOB.create(msgspec.json.encode(body), STAMP).data_table_id == table


def column(name="a", data_type="string", **more) -> Column:
    return Column(name=name, data_type=data_type, constraint="optional", **more)


@pytest.mark.parametrize(
    "columns",
    [
        [column(), column()],
        [column("createdAt")],
        [column(default_value=1)],
        [column(data_type="number", default_value=True)],
        [column(data_type="boolean", default_value=1)],
        [column(str(n)) for n in range(51)],
    ],
)
def test_columns_that_cannot_stand_together_are_refused(columns):
    with pytest.raises(Invalid):
        check_columns(columns)


def test_columns_accept_values_of_their_type():
    check_columns([column(default_value="x"), column("b", "number", default_value=1.5)])

    assert column(data_type="boolean").accepts(True)
    assert not column(data_type="number").accepts("1")


def test_an_event_keeps_the_body_it_declares():
    assert EVENT.post_type is EventPost
    made = EVENT.create(b'{"level":"info","subject":"x"}', STAMP)
    assert (made.state, made.updates) == ("new", ())


def test_an_application_shows_neither_its_readme_nor_how_it_was_asked_for():
    made = APPLICATION.create(b'{"name":"x","orgId":"' + b"A" * 24 + b'"}', STAMP)

    assert made.org_id == "a" * 24
    assert b"orgId" not in APPLICATION.shown(made)


def test_a_field_may_be_marked_before_it_is_made_optional():
    class Odd(Resource, frozen=True, kw_only=True):
        kept: Annotated[Annotated[str, Meta(max_length=3)] | UnsetType, Access.READ_ONLY] = UNSET

    kind = Kind(Odd, one="odd", many="odds", path="odds")

    assert "kept" not in kind.post_type.__struct_fields__


def test_a_decoded_body_is_taken_as_it_is():
    class Body(Struct):
        name: str | UnsetType = "given"

    assert THING.create(Body(), STAMP).name == "given"
