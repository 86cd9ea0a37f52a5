"""Commands to many devices: kept and sent part by part, on each database."""

import pytest

from drover.app import device_commands
from drover.app.device_commands import Command, DeviceCommands
from drover.app.payload_counts import PayloadCounter
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller
from drover.model.topics import command_topic
from drover.ports.reports import Span
from drover.query.tree import ALL, In
from drover.system import RandomIds, SystemClock
from tests.contract.flow_host_world import World

CALLER = Caller(type="user", id="1" * 24, scopes=frozenset(), user_id="1" * 24)
GO = Command(name="go")


class Bus:
    """Notes what is published, and when it is waited for room."""

    ready = True

    def __init__(self):
        self.topics, self.parts = [], []

    def publish(self, message):
        self.topics.append(message.topic)
        self.parts[-1] += 1

    async def room(self):
        self.parts.append(0)


class Stingy:
    """Has some devices too often."""

    def __init__(self, refused):
        self.refused, self.counted = refused, []

    def may_command(self, device_id):
        return device_id not in self.refused

    def commanded(self, device_ids, left_out):
        self.counted.append((len(device_ids), left_out))


@pytest.fixture
async def world(database, monkeypatch):
    monkeypatch.setattr(device_commands, "MOST_TOGETHER", 2)
    world = await World(database).prepare()
    world.bus = Bus()
    counter = PayloadCounter(SystemClock())
    world.commands = DeviceCommands(world.store, RandomIds(), world.bus, counter)
    world.devices = sorted([await world.make(DEVICE, {"name": f"d{n}"}) for n in range(5)])
    return world


async def kept(world, device_id):
    span = Span(start_ms=0, end_ms=2**50, limit=10)
    return await world.store.read(lambda s: s.reports.logged(device_id, "command", span))


async def test_no_unit_of_work_holds_more_commands_than_may_be_together(world):
    count = await world.commands.to_all(CALLER, world.application, ALL, GO)

    assert count == 5
    assert world.bus.parts == [2, 2, 1]
    assert world.bus.topics == [command_topic(each) for each in world.devices]
    assert [len(await kept(world, each)) for each in world.devices] == [1] * 5


async def test_who_is_told_too_often_is_left_out_and_counted(world):
    pace = Stingy(world.devices[1:4])

    count = await world.commands.to_all(CALLER, world.application, ALL, GO, pace)

    assert count == 2
    assert pace.counted == [(1, 1), (0, 2), (1, 0)]
    assert world.bus.topics == [command_topic(world.devices[each]) for each in (0, 4)]


async def test_commands_of_their_own_are_kept_in_order_and_not_for_who_is_not_there(world):
    first, second = world.devices[:2]
    wanted = [first, "f" * 24, first, second]

    await world.commands.to_each(world.application, [(each, GO) for each in wanted])

    assert world.bus.parts == [1, 2]
    assert [len(await kept(world, each)) for each in (first, second)] == [2, 1]


async def test_a_choice_of_nobody_tells_nobody(world):
    nobody = In("id", ("f" * 24,))

    assert await world.commands.to_all(CALLER, world.application, nobody, GO) == 0
    assert world.bus.parts == []
