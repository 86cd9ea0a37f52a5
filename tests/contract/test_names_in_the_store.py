"""Names of resources are found by their parts, alike on each database, whatever wrote them."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from drover.kinds.api_token import KIND as TOKEN
from drover.kinds.application_key import KIND as KEY
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND as EVENT
from drover.kinds.event import Event
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.kinds.file import KIND as FILE
from drover.kinds.flow import KIND as FLOW
from drover.model.instants import to_text
from drover.model.kind import Stamp
from drover.query.fold import fold
from drover.store import search
from drover.store.session import SqlStore

PLANT, OTHER = "a" * 24, "b" * 24
NOW = 1_700_000_000_000
ALL = [kind.one for kind in (TOKEN, KEY, DEVICE, EVENT, GROUP, USER, FILE, FLOW)]
_numbers = itertools.count(1)


@pytest.fixture
def store(database) -> SqlStore:
    return SqlStore(database)


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Whether applications count as small or as large: the two are searched in two ways."""
    if request.param == "large":
        monkeypatch.setattr(search, "FEW", 0)
    return request.param


def made(kind, application_id=PLANT, **body):
    stamp = Stamp(f"{next(_numbers):024x}", application_id, NOW)
    return kind.create(msgspec.json.encode(body), stamp)


async def add(store, *resources):
    for kind, resource in resources:
        await store.write(lambda s, k=kind, r=resource: s.resources.add(k, r))


async def find(store, text, kinds=ALL, limit=100, application_id=PLANT):
    found = await store.read(
        lambda session: session.search.find(application_id, fold(text), kinds, limit)
    )
    return sorted((each.kind, each.id) for each in found)


async def test_every_kind_is_found_by_a_part_of_its_name(store, size):
    event = Event(
        id="e" * 24,
        application_id=PLANT,
        creation_date=to_text(NOW),
        last_updated=to_text(NOW),
        level="info",
        subject="The pump is hot",
    )
    resources = [
        (TOKEN, made(TOKEN, name="pumping")),
        (DEVICE, made(DEVICE, name="Big PUMP 7")),
        (EVENT, event),
        (GROUP, made(GROUP, name="pump crew")),
        (USER, made(USER, email="a@pump.example", password="a long one")),
        (FILE, made(FILE, name="pump.png", type="file", parentDirectory="/img")),
        (FLOW, made(FLOW, name="on-pump")),
    ]
    await add(store, *resources, (DEVICE, made(DEVICE, OTHER, name="pump")))
    await add(store, (DEVICE, made(DEVICE, name="valve")), (KEY, made(KEY, name="pump")))

    assert await find(store, "pUmP") == sorted((kind.one, each.id) for kind, each in resources)
    assert await find(store, "pump", [DEVICE.one]) == [(DEVICE.one, resources[1][1].id)]
    assert len(await find(store, "pump", limit=3)) == 3
    assert await find(store, "pumps") == []


async def test_a_name_is_found_as_it_is_now(store, size):
    device, group = made(DEVICE, name="Ältester Kessel"), made(GROUP, name="Kesselhaus")
    await add(store, (DEVICE, device), (GROUP, group))

    assert len(await find(store, "KESSEL")) == 2
    assert await find(store, "äLT") == [(DEVICE.one, device.id)]
    renamed = msgspec.structs.replace(device, name="Turbine")
    await store.write(lambda session: session.resources.put(DEVICE, renamed))
    assert await find(store, "kessel") == [(GROUP.one, group.id)]
    assert await find(store, "turb") == [(DEVICE.one, device.id)]
    for kind, each in ((DEVICE, device), (GROUP, group)):
        await store.write(lambda s, k=kind, r=each: s.resources.remove(k, PLANT, r.id))
    assert await find(store, "kessel") == await find(store, "turbine") == []


async def test_many_that_are_stored_together_are_found(store, size):
    devices = [made(DEVICE, name=f"sensor-{number:04}") for number in range(300)]
    await store.write(lambda session: session.resources.add_many(DEVICE, devices))

    assert await find(store, "or-0299") == [(DEVICE.one, devices[-1].id)]
    assert len(await find(store, "sensor", limit=500)) == 300


@pytest.mark.parametrize("text", ["100%", "a_b", "back\\slash", '"quoted"', "it's", "(x)", "a*b"])
async def test_signs_stand_for_themselves(store, size, text):
    device = made(DEVICE, name=f"x {text} y")
    await add(store, (DEVICE, device), (DEVICE, made(DEVICE, name="x 100 aXb backslash quoted y")))

    assert await find(store, text) == [(DEVICE.one, device.id)]


async def test_a_short_text_begins_a_name_in_a_large_application(store, monkeypatch):
    first, inside = made(DEVICE, name="Zeta"), made(DEVICE, name="a zeta")
    await add(store, (DEVICE, first), (DEVICE, inside))

    assert len(await find(store, "ze")) == 2
    monkeypatch.setattr(search, "FEW", 0)
    assert await find(store, "ze") == [(DEVICE.one, first.id)]
    assert len(await find(store, "zet")) == 2


async def test_a_name_that_is_very_long_is_found_by_its_end(store, size):
    path = made(FILE, name="n" * 1000 + "end", type="file", parentDirectory="d" * 1000)
    await add(store, (FILE, path))

    assert await find(store, "nnnend") == [(FILE.one, path.id)]
