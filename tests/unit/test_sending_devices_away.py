"""Devices that speak too often are sent away, also where the store was away for a moment."""

from __future__ import annotations

import pytest

from drover.app.live.intake import LOOKS, LiveIntake
from drover.app.live.pace import Pace
from drover.model.errors import Unavailable
from drover.ports.door import Revoked
from drover.ports.presence import Speaker

DEVICE, GATEWAY, OTHER = "d" * 24, "e" * 24, "f" * 24
SPEAKERS = {DEVICE: [Speaker(GATEWAY, "BROKER", "7")], OTHER: [Speaker(OTHER, "BROKER", "8")]}


class Clock:
    """A clock that stands still."""

    def monotonic_ms(self):
        return 0


class Revisions:
    """Access that never changes."""

    async def current(self):
        return 1


class Store:
    """A store without anything revoked, that may be away."""

    def __init__(self):
        self.away = False
        self.presence = self.resources = self

    async def read(self, work):
        if self.away:
            raise Unavailable("The store is away")
        return await work(self)

    async def revoked(self, _limit):
        return []

    async def speakers(self, device_ids, _limit):
        return [each for device_id in device_ids for each in SPEAKERS[device_id]]

    async def absent(self, _kind, _application_id, _ids):
        return []


class World:
    """An intake whose devices may say one thing in fifteen seconds."""

    def __init__(self):
        self.pace = Pace(Clock(), messages=1)
        self.store = Store()
        self.intake = LiveIntake(self.store, Revisions(), None, None, self.pace)

    def says(self, device_id, times=2):
        for _ in range(times):
            self.pace.said(device_id)


@pytest.fixture
def world():
    return World()


async def test_one_is_sent_away_once_the_store_that_was_away_is_back(world):
    world.says(DEVICE)
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


async def test_a_gateway_that_speaks_too_often_for_another_is_kept_out_as_well(world):
    world.says(DEVICE)
    await world.intake.revoked(())

    with pytest.raises(Unavailable):
        world.pace.comes("a" * 24, GATEWAY)
    world.pace.comes("a" * 24, OTHER)
