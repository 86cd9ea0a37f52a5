"""Devices that speak too often are sent away, also where the store was away for a moment."""

from __future__ import annotations

import pytest

from drover.app.live.intake import LOOKS, LiveIntake
from drover.app.live.pace import Pace
from drover.model.errors import Unavailable
from drover.ports.bus import Message, Relay
from drover.ports.door import Revoked

DEVICE, GATEWAY, OTHER = "d" * 24, "e" * 24, "f" * 24
CONNECTIONS = {GATEWAY: ("BROKER", "7"), OTHER: ("BROKER", "8")}


class Clock:
    """A clock that stands still."""

    def monotonic_ms(self):
        return 0


class Revisions:
    """Access that never changes."""

    async def current(self):
        return 1


class Store:
    """A store in which little is revoked, that may be away."""

    def __init__(self):
        self.away = False
        self.lost = []
        self.looked = 0
        self.presence = self.resources = self

    async def read(self, work):
        if self.away:
            raise Unavailable("The store is away")
        return await work(self)

    async def revoked(self, _limit):
        self.looked += 1
        return self.lost

    async def connections_of(self, device_ids, _limit):
        return [CONNECTIONS[each] for each in device_ids if each in CONNECTIONS]

    async def absent(self, _kind, _application_id, _ids):
        return []


class Inbox:
    """Takes messages, and that is all."""

    def __init__(self):
        self.offered = []

    def offer(self, said):
        self.offered.append(said)


class World:
    """An intake whose devices may say one thing in fifteen seconds."""

    def __init__(self):
        self.pace = Pace(Clock(), messages=1)
        self.store = Store()
        self.inbox = Inbox()
        self.intake = LiveIntake(self.store, Revisions(), self.inbox, None, self.pace)

    def says(self, device_id, times=2, speaker=None):
        for _ in range(times):
            self.intake.spoke(device_id, speaker or device_id)


@pytest.fixture
def world():
    return World()


async def test_one_is_sent_away_once_the_store_that_was_away_is_back(world):
    world.says(GATEWAY)
    world.store.away = True
    with pytest.raises(Unavailable):
        await world.intake.revoked(())
    world.store.away = False

    revoked = await world.intake.revoked(())

    assert revoked.connections == [("BROKER", "7")]


async def test_who_speaks_too_often_is_cut_off_also_while_access_does_not_change(world):
    for _ in range(LOOKS + 1):
        await world.intake.revoked(())
    world.says(OTHER)

    revoked = await world.intake.revoked(())

    assert revoked == Revoked([("BROKER", "8")])


async def test_connections_are_cut_off_for_as_long_as_there_are_more_than_are_found_at_once(world):
    world.store.lost = [("BROKER", str(number)) for number in range(1000)]
    found = [await world.intake.revoked(()) for _ in range(LOOKS * 2)]
    world.store.lost = []
    await world.intake.revoked(())

    looked = world.store.looked
    for _ in range(LOOKS * 2):
        await world.intake.revoked(())

    assert {len(each.connections) for each in found} == {1000}
    assert world.store.looked == looked + LOOKS - 1


async def test_a_gateway_that_speaks_too_often_for_another_is_cut_off_and_not_that_one(world):
    world.says(DEVICE, speaker=GATEWAY)

    assert (await world.intake.revoked(())).connections == [("BROKER", "7")]
    with pytest.raises(Unavailable):
        world.pace.comes("a" * 24, GATEWAY)
    world.pace.comes("a" * 24, DEVICE)


async def test_a_gateway_that_speaks_for_many_is_counted_for_all_of_them_together(world):
    for number in range(11):
        world.says(f"{number:024}", times=1, speaker=GATEWAY)

    assert world.pace.leaving() == [GATEWAY]


async def test_messages_of_devices_that_workflows_wait_for_count_those_of_people_do_not(world):
    by_device, by_user = (
        Message("a" * 24, "t/x", b"m", Relay(each, kind))
        for each, kind in ((OTHER, "device"), ("5" * 24, "user"))
    )

    for message in (by_user, by_user, by_device, by_device, Message("a" * 24, "t/x", b"m")):
        world.intake.message("t/#", message)

    assert world.pace.leaving() == [OTHER]
    assert len(world.inbox.offered) == 5


async def test_a_message_that_two_filters_fit_counts_once_for_each(world):
    message = Message("a" * 24, "t/x", b"m", Relay(OTHER, "device"))

    for topic_filter in ("t/#", "t/+"):
        world.intake.message(topic_filter, message)

    assert world.pace.leaving() == []
