"""What devices of an application share follows from what its workflows use, as it is stored."""

from __future__ import annotations

from types import SimpleNamespace

from drover.app.live.door import MOST_BEHIND, LiveDoor


def test_first_levels_that_were_stored_and_are_the_brokers_wildcards_open_nothing():
    door = LiveDoor(devices=None, store=None, roots=["fleet"], pace=None)

    found = door._free(["*", "*/x", ">", ">/x", "my topic/x", "a/b", "losant/x"])

    assert found == ["a", "fleet"]


class Fleet:
    """Devices without number behind a gateway, as the store tells of them."""

    def __init__(self):
        self.presence = self
        self.read_at_once = []

    async def read(self, work):
        return await work(self)

    async def behind(self, _application_id, _gateway_id, limit):
        self.read_at_once.append(limit)
        return [f"{number:024x}" for number in range(limit)]


async def test_of_devices_behind_a_gateway_no_more_are_read_than_the_broker_takes():
    fleet = Fleet()
    door = LiveDoor(devices=None, store=fleet, roots=[], pace=None)
    key = SimpleNamespace(application_id="a" * 24)
    gateway = SimpleNamespace(
        device_id="d" * 24, key=key, facts=SimpleNamespace(device_class="gateway")
    )

    found = await door._behind(gateway)

    assert fleet.read_at_once == [MOST_BEHIND]
    assert len(found) == MOST_BEHIND
