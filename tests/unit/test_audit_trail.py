"""What is noted of changes is kept until it is written, and holds no secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drover.app.audit import MOST_BYTES, MOST_WAITING, AuditTrail, Note
from drover.faces.audit import audited, is_noted
from drover.faces.operation import Answer, Call, Operation
from drover.model.access import Caller
from drover.model.audit import REDACTED, Named, redacted
from drover.model.errors import Forbidden, Invalid, Missing, Unavailable
from drover.ports.audit import AuditedApplication

PLANT, ORG = "a" * 24, "b" * 24
CALLER = Caller(type="user", id="c" * 24, user_id="c" * 24, scopes=frozenset(), email="a@x.test")


class Area:
    """Stands for the area of the store."""

    def __init__(self):
        self.entries = []
        self.owned = {PLANT: AuditedApplication(name="Plant", org_id=ORG)}

    async def applications(self, ids):
        return {each: self.owned[each] for each in ids if each in self.owned}

    async def names(self, accounts, tokens):
        return {}

    async def add(self, entries):
        self.entries += entries


class FakeStore:
    """Gives the area; breaks down on demand."""

    def __init__(self):
        self.audit = Area()
        self.broken = False

    async def read(self, work):
        return await work(self)

    async def write(self, work):
        if self.broken:
            raise Unavailable("away")
        return await work(self)

    def documents(self):
        return [msgspec.json.decode(each.document) for each in self.audit.entries]


class Counting:
    def __init__(self):
        self.last = 0

    def new(self):
        self.last += 1
        return f"{self.last:024x}"


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def trail(store):
    return AuditTrail(store, Counting(), SimpleNamespace(now_ms=lambda: 0))


NOTE = Note(
    caller=CALLER,
    resource="devices",
    action="post",
    status=201,
    path={"applicationId": PLANT},
    query={},
    request=b'{"name":"Pump"}',
    response={"id": "d" * 24, "name": "Pump"},
    application_id=PLANT,
    secondary=Named(type="Device"),
)


async def test_what_cannot_be_written_is_written_later_and_once(store, trail):
    trail.note(NOTE)
    store.broken = True
    with pytest.raises(Unavailable, match="away"):
        await trail.flush()
    store.broken = False

    await trail.flush()
    await trail.flush()

    (document,) = store.documents()
    assert document["secondaryTargetName"] == "Pump"
    assert document["actorName"] == "a@x.test"


async def test_an_entry_that_no_store_takes_is_dropped_alone(store, trail):
    good, add = NOTE, store.audit.add

    async def picky(entries):
        if any(each.action == "bad" for each in entries):
            raise ValueError("no such character")
        await add(entries)

    store.audit.add = picky
    for note in (good, replace(good, action="bad"), good):
        trail.note(note)

    await trail.flush()

    assert (trail.lost, [each.action for each in store.audit.entries]) == (1, ["post", "post"])


async def test_changes_of_a_users_own_application_are_nobodys_log(store, trail):
    trail.note(replace(NOTE, application_id="e" * 24))

    await trail.flush()

    assert store.audit.entries == []


async def test_more_than_can_wait_is_counted_and_not_kept(store, trail):
    for _ in range(MOST_WAITING + 2):
        trail.note(NOTE)

    await trail.flush()

    assert trail.lost == 2
    assert len(store.audit.entries) == MOST_WAITING


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, {}),
        (b"", {}),
        (b"not json", {"omitted": True, "bytes": 8}),
        (b'{"a":"\xff"}', {"omitted": True, "bytes": 9}),
        (b"[" * 9000, {"omitted": True, "bytes": 9000}),
        (b" " * (MOST_BYTES + 1), {"omitted": True, "bytes": MOST_BYTES + 1}),
        (b"[1]", {"items": [1]}),
        (b'{"a":{"password":"x"}}', {"a": {"password": REDACTED}}),
    ],
)
async def test_bodies_are_kept_as_objects_of_bounded_size(store, trail, body, shown):
    trail.note(replace(NOTE, request=body))

    await trail.flush()

    assert store.documents()[0]["requestBody"] == shown


async def test_of_credentials_only_what_is_open_is_kept(store, trail):
    body = b'{"name":"c","type":"sql","sqlConfig":{"host":"h"}}'
    trail.note(replace(NOTE, resource="credentials", request=body))

    await trail.flush()

    kept = store.documents()[0]["requestBody"]
    assert kept == {"name": "c", "type": "sql", "sqlConfig": REDACTED}


NAMES = st.sampled_from(["password", "clientSecret", "api_key", "privateKey", "name", "x"])
VALUES = st.recursive(
    st.sampled_from(["open", 1, None]),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(VALUES)
def test_no_secret_is_left_however_deep(value):
    def secrets(found):
        if isinstance(found, list):
            return [each for inner in found for each in secrets(inner)]
        if not isinstance(found, Mapping):
            return []
        own = [each for name, each in found.items() if name not in {"name", "x"}]
        return own + [each for inner in found.values() for each in secrets(inner)]

    assert set(map(str, secrets(redacted(value)))) <= {REDACTED, "None"}


def test_keys_of_devices_made_in_numbers_and_signatures_are_left_out():
    answer = {"created": 1, "csvResult": "name,accessSecret\na,hush", "upload": {"signature": "s"}}

    assert redacted(answer) == {
        "created": 1,
        "csvResult": REDACTED,
        "upload": {"signature": REDACTED},
    }


def test_what_nests_too_deep_is_left_out():
    value: object = "deep"
    for _ in range(100):
        value = [value]

    assert "deep" not in str(redacted(value))


def operation(run=None, **changes):
    made = Operation(
        method="PATCH",
        path="/applications/{applicationId}/devices/{deviceId}",
        scopes=frozenset({"all.User", "device.patch"}),
        run=run,
        name="device.patch",
        summary="",
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({}, True),
        ({"scopes": frozenset({"all.User", "all.User.read"})}, False),
        ({"scopes": None}, False),
        ({"name": "device.sendState"}, False),
        ({"path": "/me"}, False),
        ({"path": "/orgs/{orgId}/member"}, True),
        ({"method": "GET", "name": "application.archiveData"}, True),
    ],
)
def test_what_changes_something_of_an_organization_is_noted(changes, noted):
    assert is_noted(operation(**changes)) is noted


def call(body=b"{}", **headers):
    path = {"applicationId": PLANT, "deviceId": "d" * 24}
    return Call(CALLER, path, {}, body, headers)


async def noted(store, trail, run, body=b"{}", **headers):
    ((_, wrapped),) = audited([(None, operation(run))], trail)
    try:
        await wrapped.run(call(body, **headers))
    finally:
        await trail.flush()


async def test_the_status_of_an_answer_is_kept_whatever_its_form(store, trail):
    async def streamed(_call):
        return Answer(iter(()), 202)

    async def plain(_call):
        return {"success": True}

    async def large(_call):
        return b"1" * (MOST_BYTES + 1)

    for run in (streamed, plain, large):
        await noted(store, trail, run)

    shown = [(each["responseStatus"], each["responseBody"]) for each in store.documents()]
    assert shown == [
        (202, {}),
        (200, {"success": True}),
        (200, {"omitted": True, "bytes": MOST_BYTES + 1}),
    ]


async def test_a_refusal_is_noted_and_still_raised(store, trail):
    async def refuse(_call):
        raise Invalid("no", field="x")

    with pytest.raises(Invalid):
        await noted(store, trail, refuse)

    assert store.audit.entries[0].status == 400


async def test_what_is_missing_is_in_nobodys_log(store, trail):
    async def miss(_call):
        raise Missing("not found")

    with pytest.raises(Missing):
        await noted(store, trail, miss)

    assert store.audit.entries == []


@pytest.mark.parametrize(
    ("error", "told"), [(Invalid("no"), 0), (Forbidden("no"), 1), (Missing("no"), 0)]
)
async def test_outside_of_applications_only_members_refusals_are_noted(store, trail, error, told):
    async def refuse(_call):
        raise error

    ((_, wrapped),) = audited([(None, operation(refuse, path="/orgs/{orgId}"))], trail)
    with pytest.raises(type(error)):
        await wrapped.run(Call(CALLER, {"orgId": ORG}, {}, b"", {}))
    await trail.flush()

    assert len(store.audit.entries) == told


async def test_files_are_no_part_of_a_log(store, trail):
    async def plain(_call):
        return b"{}"

    await noted(store, trail, plain, b"--x", **{"content-type": "multipart/form-data"})

    assert store.documents()[0]["requestBody"] == {}
