"""Many devices are changed in few trips, and what concerns one of them is left to it."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from drover.app.catalog import Catalog, QuietHook
from drover.app.device_updates import Change
from drover.app.devices import Devices, Outcome, Update
from drover.app.tree import TreeHook
from drover.kinds.device import KIND
from drover.model.access import Caller
from drover.model.errors import Invalid
from drover.model.kind import Stamp
from drover.ports.resources import Listing
from drover.query.tree import ALL, Choice, In, TagMatch, TextTest
from drover.store.postgres_transaction import PostgresTransaction
from drover.store.session import SqlStore

PLANT = "a" * 24
USER = Caller(type="user", id="d" * 24, scopes=frozenset(), user_id="d" * 24)
SITE = Update(changes=(Change(operation="set", target="tag", value={"key": "site", "value": "x"}),))


def under(device_id):
    return Update(changes=(Change(operation="set", target="parentId", value=device_id),))


class Ids:
    def __init__(self):
        self._next = itertools.count(1)

    def new(self):
        return f"{next(self._next):024x}"


class Refusing(QuietHook):
    """Refuses to change the device of a name, and notes the others."""

    def __init__(self):
        self.changed = []

    async def before(self, _session, _caller, _kind, _old, new, /):
        if new.name == "refused":
            raise Invalid("Not this one")
        return new

    async def after(self, _session, _caller, _kind, old, new, /):
        self.changed.append((old.name, new.name))


class Plant:
    """Devices of a store, in order of their ids."""

    def __init__(self, database):
        self.store, self.ids, self.hook = SqlStore(database), Ids(), Refusing()
        catalog = Catalog(self.store, self.ids, [KIND], {"device": [TreeHook(), self.hook]})
        self.devices = Devices(self.store, catalog)

    async def add(self, **fields):
        body = msgspec.json.encode({"name": "pump", **fields})
        made = KIND.create(body, Stamp(self.ids.new(), PLANT, 1), None)
        await self.store.write(lambda session: session.resources.add(KIND, made))
        return made.id

    async def update(self, ids, update):
        return await self.devices.update(USER, PLANT, In("id", tuple(ids)), update)

    async def get(self, device_id):
        return await self.store.read(lambda s: s.resources.get(KIND, PLANT, device_id))

    async def tagged(self, key, value):
        match = TagMatch("tags", *(TextTest(Choice.EQUAL, (each,)) for each in (key, value)))
        return await self.devices.ids(PLANT, Listing(sort_field="id", query=match))


@pytest.fixture
def plant(database):
    return Plant(database)


async def test_each_device_is_counted_as_changed_skipped_or_failed(plant):
    plain = await plant.add(tags=[{"key": "hall", "value": "1"}])
    done = await plant.add(name="done", tags=[{"key": "site", "value": "x"}])
    refused = await plant.add(name="refused")
    other = await plant.add(name="other", tags=[{"key": "site", "value": "old"}])

    outcome = await plant.update([plain, done, refused, other], SITE)

    assert outcome == Outcome(changed=2, skipped=1, failed=1)
    assert plant.hook.changed == [("pump", "pump"), ("other", "other")]
    assert await plant.tagged("site", "x") == [plain, done, other]
    assert await plant.tagged("site", "old") == []
    assert await plant.tagged("hall", "1") == [plain]
    assert (await plant.get(other)).last_updated > (await plant.get(done)).last_updated


async def test_a_device_that_a_step_does_not_fit_has_failed_and_holds_up_no_other(plant):
    limit = [{"name": f"a{number}", "dataType": "number"} for number in range(2)]
    one, two = await plant.add(attributes=limit), await plant.add(name="two")
    step = Change(operation="set", target="attributeName", attribute_name="a0", value="a1")

    outcome = await plant.update([one, two], Update(changes=(step,)))

    assert outcome == Outcome(skipped=1, failed=1)


async def test_a_device_that_is_gone_meanwhile_has_failed(plant):
    here, gone = await plant.add(), await plant.add()
    await plant.store.write(lambda session: session.resources.remove(KIND, PLANT, gone))

    outcome = await plant.store.write(
        lambda session: plant.devices.updated(session, USER, PLANT, [here, gone], SITE)
    )

    assert outcome == Outcome(changed=1, failed=1)


async def test_devices_that_move_together_have_the_ancestors_that_they_end_with(plant):
    above, top, middle = [await plant.add() for _ in range(3)]
    await plant.update([top], under(above))
    below = await plant.add()
    await plant.update([below], under(middle))
    last = await plant.add()
    await plant.update([last], under(below))

    outcome = await plant.update([above, top, middle, below], under(top))

    assert outcome == Outcome(changed=2, failed=2)
    lines = [(await plant.get(each)).ancestor_ids for each in (above, top, middle, below, last)]
    assert lines == [(), (above,), (top, above), (top, above), (below, top, above)]


async def test_nobody_is_changed_where_nobody_is_chosen(plant):
    assert await plant.update([], SITE) == Outcome()
    assert await plant.devices.ids(PLANT, Listing(sort_field="id", query=ALL)) == []


async def test_more_devices_take_no_more_trips(postgres_database, monkeypatch):
    plant, trips, call = Plant(postgres_database), [], PostgresTransaction._call

    async def counted(self, method, *values, **options):
        trips.append(values[0])
        return await call(self, method, *values, **options)

    ids = [await plant.add(name=f"pump {number}") for number in range(50)]
    monkeypatch.setattr(PostgresTransaction, "_call", counted)
    await plant.update(ids[:2], SITE)
    few = len(trips)

    outcome = await plant.update(ids[2:], SITE)

    assert outcome == Outcome(changed=48)
    assert len(trips) == 2 * few
