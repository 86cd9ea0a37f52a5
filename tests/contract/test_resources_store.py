"""Resources behave alike on each database."""

from __future__ import annotations

import msgspec
import pytest

import drover.kinds
from drover.discover import discover
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND as EVENT
from drover.kinds.event import Event
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.kinds.flow import KIND as FLOW
from drover.kinds.flow_version import KIND as VERSION
from drover.kinds.resource_job import KIND as JOB
from drover.model.errors import Duplicate, Missing, Unavailable
from drover.model.instants import to_text
from drover.model.kind import Kind, Stamp
from drover.ports.resources import Listing
from drover.query.kinds import FIELD_SETS
from drover.query.losant import parse
from drover.store.session import SqlStore
from tests.contract.stored_resources import NOW, OTHER, PLANT, add, build
from tests.support.certificates import certificate

KINDS = {kind.one: kind for kind in discover(drover.kinds, "KIND", Kind)}
CERTIFICATE = certificate()


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


async def page(store, kind, application_id=PLANT, **asked):
    listing = Listing(**{"sort_field": kind.default_sort, **asked})
    return await store.read(lambda session: session.resources.page(kind, application_id, listing))


async def found(store, kind, query, **asked):
    tree = parse(query, FIELD_SETS[kind.one])
    return [each.id for each in (await page(store, kind, query=tree, **asked)).items]


BODIES = {
    "applicationApiToken": {"name": "token"},
    "applicationCertificate": {"certificate": CERTIFICATE},
    "applicationCertificateAuthority": {"name": "ca", "caBundle": CERTIFICATE},
    "applicationDashboard": {"name": "board", "password": "hash"},
    "applicationKey": {},
    "applicationTemplate": {"name": "pumps", "applicationId": PLANT, "keywords": ["water"]},
    "credential": {"name": "c", "type": "datadog", "datadogConfig": {"secretValue": "s"}},
    "dataTable": {"name": "table", "columns": []},
    "device": {"name": "pump", "tags": [{"key": "a", "value": "1"}]},
    "deviceRecipe": {"name": "recipe", "attributes": [{"name": "t", "dataType": "number"}]},
    "experienceDomain": {"domainName": "works.example.com", "sslKey": "k" * 50},
    "experienceEndpoint": {"route": "/pumps/{id}", "method": "get"},
    "experienceGroup": {"name": "crew"},
    "experienceSlug": {"slug": "works"},
    "experienceUser": {"email": "a@b.c", "password": "a long one"},
    "experienceVersion": {"version": "v1", "globals": [{"key": "k", "json": "1"}]},
    "experienceView": {"name": "home", "viewType": "page", "body": "{{x}}"},
    "file": {"name": "pump.png", "type": "file"},
    "privateFile": {"name": "b", "type": "directory", "parentDirectory": "/a"},
    "flow": {"name": "flow"},
    "integration": {"name": "in", "integrationType": "mqtt"},
    "notebook": {
        "name": "book",
        "inputs": [{"inputType": "externalUrl", "fileName": "a", "sourceUrl": "https://x"}],
    },
    "resourceJob": {"name": "job", "resourceType": "device"},
    "webhook": {"name": "hook"},
}


@pytest.mark.parametrize("name", sorted(BODIES))
async def test_each_kind_comes_back_as_it_was_stored(store, name):
    if name not in KINDS:
        pytest.skip(f"there is no kind {name}")
    kind = KINDS[name]
    made = await add(store, kind, **BODIES[name])

    whole = await store.read(lambda session: session.resources.get(kind, PLANT, made.id))
    shown = await store.read(lambda session: session.resources.get_bytes(kind, PLANT, made.id))

    assert kind.shown(whole) == kind.shown(made)
    assert kind.apart(whole) == kind.apart(made)
    assert msgspec.json.decode(shown).items() >= msgspec.json.decode(kind.shown(made)).items()


@pytest.mark.parametrize("name", sorted(BODIES))
async def test_another_applications_resource_looks_like_a_missing_one(store, name):
    if name not in KINDS:
        pytest.skip(f"there is no kind {name}")
    kind = KINDS[name]
    made = await add(store, kind, **BODIES[name])

    async def message(application_id, resource_id) -> str:
        with pytest.raises(Missing) as missing:
            await store.read(lambda s: s.resources.get_bytes(kind, application_id, resource_id))
        return missing.value.message

    assert await message(OTHER, made.id) == await message(PLANT, "f" * 24)
    for act in ("lock", "remove"):
        with pytest.raises(Missing):
            await store.write(lambda s, act=act: getattr(s.resources, act)(kind, OTHER, made.id))


async def test_a_removed_resource_is_gone_and_cannot_be_removed_again(store):
    for kind in (DEVICE, JOB, GROUP):
        made = await add(store, kind, **BODIES[kind.one])
        await store.write(lambda s, k=kind, m=made: s.resources.remove(k, PLANT, m.id))

        for act in ("get", "remove"):
            with pytest.raises(Missing):
                await store.write(
                    lambda s, a=act, k=kind, m=made: getattr(s.resources, a)(k, PLANT, m.id)
                )
        assert (await page(store, kind)).total == 0


async def test_a_write_of_what_is_not_there_changes_nothing(store):
    made = build(JOB, **BODIES["resourceJob"])

    with pytest.raises(Missing):
        await store.write(lambda session: session.resources.put(JOB, made))

    assert (await page(store, JOB)).total == 0


async def test_unique_values_are_taken_once_for_each_owner(store):
    await add(store, USER, **BODIES["experienceUser"])
    flow = await add(store, FLOW, name="flow")
    other = await add(store, FLOW, name="other")
    await add(store, VERSION, within={"flow_id": flow.id}, version="v1")

    with pytest.raises(Duplicate):
        await add(store, USER, **BODIES["experienceUser"])
    with pytest.raises(Duplicate):
        await add(store, VERSION, within={"flow_id": flow.id}, version="v1")
    await add(store, USER, OTHER, **BODIES["experienceUser"])
    await add(store, VERSION, within={"flow_id": other.id}, version="v1")


async def test_pages_are_cut_and_counted(store):
    for number in range(5):
        await add(store, DEVICE, name=f"d{number}")

    first = await page(store, DEVICE, limit=2)
    last = await page(store, DEVICE, limit=2, offset=4)
    past = await page(store, DEVICE, limit=2, offset=6)

    assert [each.name for each in first.items] == ["d0", "d1"]
    assert ([each.name for each in last.items], last.total) == (["d4"], 5)
    assert (list(past.items), past.total, first.total) == ([], 5, 5)


@pytest.mark.parametrize("descending", [False, True])
async def test_every_published_sort_and_filter_can_be_run(store, descending):
    asked = [
        (kind, sort, field)
        for kind in KINDS.values()
        for sort in kind.sortable
        for field in kind.filterable
    ]

    for kind, sort, field in asked:
        found = await page(
            store, kind, sort_field=sort, descending=descending, filter_field=field, filter="*"
        )
        assert found.total == 0


async def test_empty_values_come_first_and_ties_break_by_id(store):
    jobs = [await add(store, JOB, name="same", resourceType="device") for _ in range(3)]
    late = msgspec.structs.replace(jobs[1], last_execution_requested=to_text(NOW))
    await store.write(lambda session: session.resources.put(JOB, late))

    up = await page(store, JOB, sort_field="lastExecutionRequested")
    down = await page(store, JOB, sort_field="lastExecutionRequested", descending=True)

    order = [each.id for each in jobs]
    assert [each.id for each in up.items] == [order[0], order[2], order[1]]
    assert [each.id for each in down.items] == [order[1], order[0], order[2]]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("PUMP*", ["Pump 1", "pump_2"]),
        ("pump_2", ["pump_2"]),
        ("pump?2", ["pump_2"]),
        ("*%*", ["100%"]),
        ("[p]ump*", []),
        ("gRö*", ["GRÖSSE"]),
        ("*", ["100%", "GRÖSSE", "Pump 1", "pump_2"]),
    ],
)
async def test_filters_are_globs_that_ignore_case(store, glob, names):
    for name in ("Pump 1", "pump_2", "100%", "GRÖSSE"):
        await add(store, DEVICE, name=name)

    matched = await page(store, DEVICE, filter_field="name", filter=glob)

    assert [each.name for each in matched.items] == names


async def test_devices_are_found_by_all_their_fields(store):
    top = await add(store, DEVICE, name="top", deviceClass="system", ms=NOW - 1000)
    low = build(
        DEVICE,
        name="low",
        parentId=top.id,
        gatewayId=top.id,
        tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
        attributes=[{"name": "heat", "dataType": "number"}],
    )
    low = msgspec.structs.replace(low, ancestor_ids=(top.id,))
    await store.write(lambda session: session.resources.add(DEVICE, low))
    await store.write(lambda s: s.reports.connected(low.id, NOW, connected=True))
    late = {"$gte": to_text(NOW)}

    for query in (
        {"id": low.id},
        {"parentId": top.id},
        {"gatewayId": top.id},
        {"ancestorId": top.id},
        {"attributeName": "heat"},
        {"deviceClass": {"$ne": "system"}},
        {"tags": {"a": "2"}},
        {"connectionStatus": "connected"},
        {"connectedAt": late},
        {"creationDate": late},
        {"lastUpdated": {"$gt": NOW - 1}},
        {"name": {"$ci": True, "$eq": "LOW"}},
    ):
        assert await found(store, DEVICE, query) == [low.id], query
    assert await found(store, DEVICE, {"disconnectedAt": late}) == []
    assert await found(store, DEVICE, {}) == [low.id, top.id]


async def test_devices_are_found_by_the_groups_and_users_that_own_them(store):
    by_id = await add(store, DEVICE, name="1")
    by_tag = await add(store, DEVICE, name="2", tags=[{"key": "k", "value": "v"}])
    by_query = await add(store, DEVICE, name="3")
    await add(store, DEVICE, name="4", tags=[{"key": "k", "value": "w"}])
    top = await add(store, GROUP, name="top")
    low = build(
        GROUP,
        name="low",
        parentId=top.id,
        deviceIds=[by_id.id],
        deviceTags=[{"key": "k", "value": "v"}],
        deviceQueryJson='{"name": "3"}',
    )
    low = msgspec.structs.replace(low, ancestor_ids=(top.id,))
    await store.write(lambda session: session.resources.add(GROUP, low))
    user = await add(store, USER, email="a@b.c", password="a long one", experienceGroupIds=[top.id])
    owned = [by_id.id, by_tag.id, by_query.id]

    assert await found(store, DEVICE, {"experienceGroupId": low.id}) == owned
    assert await found(store, DEVICE, {"experienceGroupId": top.id}) == owned
    assert await found(store, DEVICE, {"experienceUserId": user.id}) == owned
    assert len(await found(store, DEVICE, {"experienceUserId": {"$ne": user.id}})) == 1
    assert await found(store, USER, {"experienceGroupId": top.id}) == [user.id]
    assert await found(store, GROUP, {"experienceUserId": user.id}) == [top.id]
    assert await found(store, GROUP, {"ancestorId": top.id}) == [low.id]


async def test_side_rows_follow_a_change(store):
    made = await add(store, DEVICE, name="d", tags=[{"key": "a", "value": "1"}])
    changed = DEVICE.patch(made, b'{"tags":[{"key":"b","value":"2"}]}', Stamp("", PLANT, NOW + 1))

    await store.write(lambda session: session.resources.put(DEVICE, changed))

    assert await found(store, DEVICE, {"tags": {"a": "1"}}) == []
    assert await found(store, DEVICE, {"tags": {"b": "2"}}) == [made.id]


async def test_many_are_added_at_once_with_their_side_rows(store):
    many = [
        build(DEVICE, name=f"d{n}", tags=[{"key": "n", "value": str(n)}], attributes=[])
        for n in range(120)
    ]

    await store.write(lambda session: session.resources.add_many(DEVICE, many))

    assert (await page(store, DEVICE)).total == 120
    assert await found(store, DEVICE, {"tags": {"n": "77"}}) == [many[77].id]
    with pytest.raises(Duplicate):
        await store.write(lambda session: session.resources.add_many(DEVICE, many[:1]))


async def test_deleted_devices_are_kept_apart(store):
    made = await add(store, DEVICE, name="d")
    await store.write(lambda session: session.resources.remove(DEVICE, PLANT, made.id))

    deleted = (await page(store, DEVICE, deleted=True)).items[0]
    back = msgspec.structs.replace(deleted, deleted_at=msgspec.UNSET)
    await store.write(lambda session: session.resources.put(DEVICE, back))

    assert deleted.deleted_at is not msgspec.UNSET
    assert (await page(store, DEVICE)).items == [made]


async def test_events_are_found_by_level_state_and_device(store):
    device = await add(store, DEVICE, name="d")
    event = Event(
        id="e" * 24,
        application_id=PLANT,
        creation_date=to_text(NOW),
        last_updated=to_text(NOW),
        level="error",
        subject="Hot",
        device_id=device.id,
        event_tags={"a": "1"},
        source_type="user",
        source_id="c" * 24,
    )
    await store.write(lambda session: session.resources.add(EVENT, event))

    for query in (
        {"level": "error"},
        {"state": "new"},
        {"deviceId": device.id},
        {"eventTags": {"a": "1"}},
        {"sourceType": "user"},
        {"sourceId": "c" * 24},
        {"subject": {"$contains": "o"}},
    ):
        assert await found(store, EVENT, query) == [event.id], query
    assert await found(store, EVENT, {"experienceGroupId": "c" * 24}) == []


async def test_workflows_are_found_by_their_parts(store):
    node = {"type": "DebugNode", "id": "a", "config": {"x": 1}}
    trigger = {"type": "timer", "key": "k", "config": {"seconds": 5}}
    flow = await add(store, FLOW, name="f", triggers=[trigger], nodes=[node])
    version = await add(store, VERSION, within={"flow_id": flow.id}, version="v1", nodes=[node])

    assert await found(store, FLOW, {"triggers": {"type": "timer", "key": "k"}}) == [flow.id]
    assert await found(store, FLOW, {"nodes": {"type": "DebugNode"}}) == [flow.id]
    assert await found(store, FLOW, {"enabled": False}) == []
    for parent, total in ((flow.id, 1), ("f" * 24, 0)):
        assert (await page(store, VERSION, within={"flow_id": parent})).total == total
    assert await found(store, VERSION, {"version": "v1"}) == [version.id]


async def test_only_what_is_absent_is_told(store):
    made = await add(store, DEVICE, name="d")

    for kind, owner, ids, absent in (
        (DEVICE, PLANT, [made.id, "f" * 24, made.id], ["f" * 24]),
        (DEVICE, OTHER, [made.id], [made.id]),
        (JOB, PLANT, [made.id], [made.id]),
    ):
        told = await store.read(lambda s, k=kind, o=owner, i=ids: s.resources.absent(k, o, i))
        assert list(told) == absent


async def test_counts_and_purges_keep_to_their_application(store):
    for owner in (PLANT, OTHER):
        await add(store, DEVICE, owner, name="d")
        await add(store, JOB, owner, **BODIES["resourceJob"])
        await add(store, FLOW, owner, name="f")

    part = 0
    while True:
        gone = await store.write(lambda s, p=part: s.resources.purge(PLANT, p, 1))
        if gone is None:
            break
        part += not gone

    counts = await store.read(lambda session: session.resources.counts([PLANT, OTHER]))
    assert counts == {PLANT: {}, OTHER: {"device": 1, "resourceJob": 1, "flow": 1}}


async def test_a_unit_of_work_that_fails_leaves_nothing(store):
    made = build(DEVICE, name="d", tags=[{"key": "a", "value": "1"}])

    async def work(session):
        await session.resources.add(DEVICE, made)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(work)
    assert (await page(store, DEVICE)).total == 0


async def test_a_glance_sees_what_was_just_written(store):
    made = await add(store, DEVICE, name="d")

    found = await store.glance(lambda session: session.resources.get(DEVICE, PLANT, made.id))

    assert found == made
    with pytest.raises(Missing):
        await store.glance(lambda session: session.resources.get(DEVICE, OTHER, made.id))


async def test_a_glance_at_a_closed_store_is_refused(store):
    await store.database.close()

    with pytest.raises(Unavailable):
        await store.glance(lambda session: session.resources.get(DEVICE, PLANT, "a" * 24))
