"""Connections of devices, and what they report in batches, alike on each database."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace

import msgspec
import pytest

from drover.app.live import presence
from drover.app.live.presence import PresenceBook
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.device import KIND as DEVICE
from drover.model.accounts import AccessKey
from drover.model.kind import Stamp
from drover.ports.door import Connection, Missed, Parting
from drover.ports.presence import Connected
from drover.ports.reports import Reading, Span, up_to
from drover.store.access import StoredRevisions
from drover.store.session import SqlStore

PLANT = "a" * 24
NOW = 1_700_000_000_000
LATER = 2**42
_numbers = itertools.count(1)


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


@pytest.fixture
def revisions(database) -> StoredRevisions:
    return StoredRevisions(database)


def device_of(**given):
    body = {"name": "pump", "attributes": [{"name": "level", "dataType": "number"}], **given}
    stamp = Stamp(f"{next(_numbers):024x}", PLANT, NOW)
    return DEVICE.create(msgspec.json.encode(body), stamp, None)


async def new_device(store, **given) -> str:
    made = device_of(**given)
    await store.write(lambda session: session.resources.add(DEVICE, made))
    return made.id


async def new_application(store) -> None:
    stamp = Stamp(PLANT, PLANT, NOW)
    made = APPLICATION.create(msgspec.json.encode({"name": "Plant"}), stamp, None)
    owned = msgspec.structs.replace(made, owner_id="o" * 24, owner_type="user")
    await store.write(lambda session: session.resources.add(APPLICATION, owned))


def key(key_id, status="active") -> AccessKey:
    return AccessKey(
        id=key_id,
        application_id=PLANT,
        key=f"key {key_id}",
        secret_digest="",
        created_ms=NOW,
        status=status,
    )


def connection(device_id, number=1, ms=NOW, server="broker", key_id="k1") -> Connected:
    return Connected(
        device_id=device_id,
        connection_id=str(number),
        server=server,
        time_ms=ms,
        key_id=key_id,
    )


async def came(store, *connections) -> None:
    await store.write(lambda session: session.presence.came(connections))


async def went(store, *connections) -> None:
    await store.write(lambda session: session.presence.went(connections))


async def is_connected(store, device_id) -> bool:
    found = await store.read(lambda session: session.resources.get_bytes(DEVICE, PLANT, device_id))
    return msgspec.json.decode(found)["connectionInfo"]["connected"] == 1


async def revoked(store, limit=10) -> list[str]:
    found = await store.read(lambda session: session.presence.revoked(limit))
    assert all(server == "broker" for server, _ in found)
    return sorted(number for _, number in found)


async def test_the_end_of_an_older_connection_means_nothing(store):
    first, second = [await new_device(store) for _ in range(2)]
    await came(store, connection(first, 1), connection(second, 2), connection(first, 3))

    await went(store, connection(first, 1), connection(second, 2), connection(first, 9))

    assert [await is_connected(store, each) for each in (first, second)] == [True, False]
    await went(store, connection(first, 3))
    assert not await is_connected(store, first)


async def test_nothing_comes_of_nothing(store):
    await came(store)
    await went(store)
    await store.write(lambda session: session.reports.record([]))
    await store.write(lambda session: session.reports.log([]))

    assert await revoked(store) == []


async def test_connections_of_devices_are_found_where_they_are_connected(store):
    one, two, other, gone = [await new_device(store) for _ in range(4)]
    await came(store, *(connection(each, n) for n, each in enumerate((one, two, other), 1)))

    async def connections(limit):
        asked = [one, two, gone]
        return await store.read(lambda session: session.presence.connections_of(asked, limit))

    assert sorted(await connections(10)) == [("broker", "1"), ("broker", "2")]
    assert len(await connections(1)) == 1


async def test_connections_of_one_server_are_found(store):
    one, other, gone = [await new_device(store) for _ in range(3)]
    here, elsewhere = connection(one, 1), connection(other, 2, server="other")
    await came(store, here, elsewhere, connection(gone, 3))
    await went(store, connection(gone, 3))

    found = await store.read(lambda session: session.presence.at("broker"))

    assert found == [(PLANT, here)]
    devices = [one, other, gone]
    connected = await store.read(lambda session: session.presence.connected_among(devices))
    assert connected == {one: NOW, other: NOW}


def listed(device_id, number, ms=NOW) -> Connection:
    return Connection(
        application_id=PLANT,
        device_id=device_id,
        server="broker",
        number=number,
        address="",
        began_ms=ms,
        key_id="k1",
    )


async def test_what_a_broker_lists_is_compared_with_what_is_noted(store):
    stayed, gone, new, elsewhere = [await new_device(store) for _ in range(4)]
    await came(store, connection(stayed, 1), connection(gone, 2))
    await came(store, connection(elsewhere, 3, server="other"))
    book = PresenceBook(store, SimpleNamespace())
    there = [listed(stayed, 1), listed(new, 4), listed(elsewhere, 5)]

    missed = await book.missed("broker", there)

    assert missed == Missed(came=[listed(new, 4)], went=[listed(gone, 2)])


async def test_a_device_that_came_unheard_from_a_broker_that_died_is_not_missed(store):
    device = await new_device(store)
    await came(store, connection(device, 3, server="died"))
    book = PresenceBook(store, SimpleNamespace())

    missed = await book.missed("broker", [listed(device, 1, NOW + 1)])

    assert missed.came == [listed(device, 1, NOW + 1)]


class Noted:
    """What is written in logs and told to workflows of comings and goings."""

    def __init__(self):
        self.changes = []
        self.counter = self

    async def note_changes(self, _session, _application_id, changes):
        self.changes += [(each.device.id, each.connected, each.details) for each in changes]

    def note(self, *_counted):
        pass


@pytest.fixture
def noted():
    return Noted()


async def test_who_is_noted_as_connected_does_not_come_once_more(store, noted):
    await new_application(store)
    device = await new_device(store)
    # Two servers that conclude it from the same list, and one that hears of it.
    books = [PresenceBook(store, noted) for _ in range(2)]
    for book in books:
        for _ in range(2):
            book.came(listed(device, 1))
        book.start()
        await book.close()

    assert [(of, came) for of, came, _ in noted.changes] == [(device, True)]


async def test_each_connection_of_a_device_that_comes_and_goes_is_told(store, noted):
    await new_application(store)
    device = await new_device(store)
    parting = Parting(ended_ms=NOW + 1, reason="left", messages_from=0, messages_to=0)
    book = PresenceBook(store, noted)
    book.came(listed(device, 1))
    book.went(listed(device, 1), parting)
    book.came(listed(device, 2))
    book.start()
    await book.close()

    assert [came for _, came, _ in noted.changes] == [True, False, True]
    assert await is_connected(store, device)


async def test_an_end_that_nobody_heard_of_is_told_once(store, noted):
    await new_application(store)
    device = await new_device(store)
    await came(store, connection(device, 1))
    unheard = Parting(ended_ms=NOW, reason="unheard", messages_from=0, messages_to=0, heard=False)
    for _ in range(2):
        book = PresenceBook(store, noted)
        book.went(listed(device, 1), unheard)
        book.start()
        await book.close()

    assert [came for _, came, _ in noted.changes] == [False]
    assert not await is_connected(store, device)


async def test_connections_are_revoked_with_their_key_or_device(store):
    await new_application(store)
    devices = [await new_device(store) for _ in range(4)]
    for each in (key("k1"), key("k2"), key("k3", "inactive")):
        await store.write(lambda session, each=each: session.access.keys.put(each))
    keys = ("k1", "k2", "k3", "k1")
    numbered = enumerate(zip(devices, keys, strict=True), 1)
    connections = [connection(device, n, key_id=of) for n, (device, of) in numbered]
    await came(store, *connections)
    assert await revoked(store) == ["3"]

    await store.write(lambda session: session.access.keys.remove(PLANT, "k2"))
    await store.write(lambda session: session.resources.remove(DEVICE, PLANT, devices[3]))

    assert await revoked(store) == ["2", "3", "4"]
    assert len(await revoked(store, limit=2)) == 2
    await went(store, *connections)
    assert await revoked(store) == []


async def test_devices_of_a_broker_that_is_gone_are_disconnected(store):
    stays, goes = [await new_device(store) for _ in range(2)]
    await came(store, connection(stays, 1), connection(goes, 2, server="old"))
    await store.write(lambda session: session.presence.renew("broker", NOW + 1000))
    await store.write(lambda session: session.presence.renew("old", NOW - 1))

    left = await store.write(lambda session: session.presence.left_by_servers(NOW, 10))

    assert left == [(PLANT, goes)]
    assert [await is_connected(store, each) for each in (stays, goes)] == [True, False]


async def test_all_devices_of_a_broker_that_is_gone_are_disconnected_at_once(
    store, noted, monkeypatch
):
    monkeypatch.setattr(presence, "_AT_A_TIME", 2)
    await new_application(store)
    devices = [await new_device(store) for _ in range(5)]
    numbered = enumerate(devices, 1)
    await came(store, *(connection(each, n, server="old") for n, each in numbered))

    await PresenceBook(store, noted).servers(["broker"])

    assert sorted(of for of, _, _ in noted.changes) == devices
    assert not any([await is_connected(store, each) for each in devices])


@pytest.mark.parametrize("value", [1, 1.5, True, "plain", 'a "b" \\', "\u0000 é 💧", "1", "null"])
async def test_values_come_back_as_they_were(store, value):
    device = await new_device(store)
    reading = Reading(device_id=device, attribute='odd "name"', time_ms=NOW, value=value)

    await store.write(lambda session: session.reports.record([reading]))

    (last,) = await store.read(lambda session: session.reports.latest([device], up_to(NOW)))
    assert (last.attribute, last.value, type(last.value)) == ('odd "name"', value, type(value))


async def test_of_several_values_of_one_moment_in_a_batch_the_last_one_stays(store):
    device = await new_device(store)
    values = [(0, 1), (5, 7), (0, 2), (5, 8), (0, 3)]
    readings = [
        Reading(device_id=device, attribute="level", time_ms=NOW - age, value=value)
        for age, value in values
    ]

    await store.write(lambda session: session.reports.record(readings))

    span = Span(start_ms=0, end_ms=NOW, limit=10)
    moments = await store.read(lambda session: session.reports.moments(device, span))
    (last,) = await store.read(lambda session: session.reports.latest([device], up_to(NOW)))
    assert moments == [(NOW, {"level": 3}), (NOW - 5, {"level": 8})]
    assert last.value == 3


async def changed(store, device_id, **fields) -> None:
    """Store a device anew with other fields."""

    async def work(session):
        device = await session.resources.get(DEVICE, PLANT, device_id)
        await session.resources.put(DEVICE, msgspec.structs.replace(device, **fields))

    await store.write(work)


async def connected_gateways(store, count=2) -> list[str]:
    await new_application(store)
    await store.write(lambda session: session.access.keys.put(key("k1")))
    gateways = [await new_device(store, deviceClass="gateway") for _ in range(count)]
    await came(store, *(connection(each, number) for number, each in enumerate(gateways, 1)))
    return gateways


async def test_a_gateway_comes_again_when_a_device_is_put_behind_it(store):
    first, _ = await connected_gateways(store)
    assert await revoked(store) == []

    await new_device(store, deviceClass="peripheral", gatewayId=first)

    assert await revoked(store) == ["1"]
    await went(store, connection(first, 1))
    await came(store, connection(first, 5, LATER))
    assert await revoked(store) == []


async def test_gateways_come_again_when_a_device_moves_from_one_to_another(store):
    first, second, _ = await connected_gateways(store, 3)
    behind = await new_device(store, deviceClass="peripheral")

    await changed(store, behind, gateway_id=first)
    assert await revoked(store) == ["1"]
    await came(store, connection(first, 6, LATER))
    await changed(store, behind, name="renamed")
    assert await revoked(store) == []
    await came(store, connection(first, 4))
    await changed(store, behind, gateway_id=second)

    assert await revoked(store) == ["2", "4"]


async def test_a_device_that_becomes_another_class_comes_again(store):
    _, second = await connected_gateways(store)

    await changed(store, second, device_class="standalone")

    assert await revoked(store) == ["2"]


async def test_a_change_of_rights_is_told_by_the_revision_of_access(store, revisions):
    first, _ = await connected_gateways(store)
    seen = [await revisions.current()]
    await new_device(store, deviceClass="peripheral", gatewayId=first)
    seen.append(await revisions.current())
    await went(store, connection(first, 1))

    await new_device(store, deviceClass="peripheral", gatewayId=first)
    seen.append(await revisions.current())
    await came(store, connection(first, 7, LATER))
    seen.append(await revisions.current())
    await came(store, connection(first, 8))  # let in before, noted after
    seen.append(await revisions.current())

    assert [later > sooner for sooner, later in itertools.pairwise(seen)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"filter_type": "none"},
        {"filter_type": "whitelist", "pub_topics": ("t/#",)},
        {"sub_topics": ("t",)},
        {"address_filter_type": "whitelist", "addresses": ("10.0.0.0/8",)},
    ],
)
async def test_devices_whose_key_has_other_rights_come_again(store, change):
    await connected_gateways(store)
    keys = [key("k1"), key("k2")]
    await store.write(lambda session: session.access.keys.put(keys[1]))
    other = await new_device(store)
    await came(store, connection(other, 3, key_id="k2"))
    await store.write(lambda session: session.access.keys.put(keys[0]))
    assert await revoked(store) == []

    narrowed = msgspec.structs.replace(keys[0], **change)
    await store.write(lambda session: session.access.keys.put(narrowed))

    assert await revoked(store) == ["1", "2"]


def now_ms() -> int:
    return int(time.time() * 1000)


async def test_a_gateway_comes_while_devices_are_made_behind_it_and_again_when_they_are(
    postgres_database,
):
    store = SqlStore(postgres_database)
    (gateway,) = await connected_gateways(store, 1)

    async def import_device(session):
        behind = device_of(deviceClass="peripheral", gatewayId=gateway)
        await session.resources.add(DEVICE, behind)
        await came(store, connection(gateway, next(_numbers), now_ms()))
        await store.write(lambda other: other.access.raise_revision())

    await store.write(import_device)

    assert len(await revoked(store)) == 1


async def test_rights_that_another_noted_meanwhile_are_not_taken_for_ones_own(postgres_database):
    store = SqlStore(postgres_database)
    (gateway,) = await connected_gateways(store, 1)

    async def import_device(session):
        await session.now_ms()
        await new_device(store, deviceClass="peripheral", gatewayId=gateway)
        moment = now_ms() + 1  # when the other has ended, and before this one does
        await came(store, connection(gateway, next(_numbers), moment))
        behind = device_of(deviceClass="peripheral", gatewayId=gateway)
        await session.resources.add(DEVICE, behind)
        while now_ms() <= moment:
            await asyncio.sleep(0)

    await store.write(import_device)

    assert len(await revoked(store)) == 1


async def test_many_devices_behind_a_gateway_note_its_rights_once(postgres_database):
    store = SqlStore(postgres_database)
    (gateway,) = await connected_gateways(store, 1)
    revisions = StoredRevisions(postgres_database)
    before = await revisions.current()
    behind = [device_of(deviceClass="peripheral", gatewayId=gateway) for _ in range(20)]

    await store.write(lambda session: session.resources.add_many(DEVICE, behind))

    assert await revisions.current() == before + 1
    assert await revoked(store) == ["1"]


async def test_each_transaction_notes_the_rights_that_it_changes(store, revisions):
    (gateway,) = await connected_gateways(store, 1)
    seen = [await revisions.current()]

    for _ in range(3):
        await new_device(store, deviceClass="peripheral", gatewayId=gateway)
        seen.append(await revisions.current())
        moment = now_ms() + 1
        while now_ms() <= moment:
            await asyncio.sleep(0)

    assert [later - sooner for sooner, later in itertools.pairwise(seen)] == [1, 1, 1]
