"""Devices are known by what they present, unless there is nothing to know them by."""

from __future__ import annotations

import pytest

from drover.app.access.device_check import DeviceCheck, DeviceCredentials, Presented
from drover.app.access.throttle import Rule, Throttle
from drover.model.errors import AccountLocked, Unauthorized, Unavailable
from tests.support.access_server import FakeClock

CREDENTIALS = DeviceCredentials(device_id="d" * 24, key="a key", secret="wrong")


class Revisions:
    """The revision of a store that is away, or is back."""

    away = True

    async def current(self):
        if self.away:
            raise Unavailable("The store is away")
        return 1


class Store:
    """A store that has no key at all, and notes how often it was asked."""

    def __init__(self):
        self.glances = 0

    async def glance(self, _work):
        self.glances += 1
        return []


async def test_devices_that_try_while_the_store_is_away_are_not_locked_out_when_it_is_back():
    revisions = Revisions()
    throttle = Throttle(FakeClock(), Rule(2, 60_000))
    check = DeviceCheck(Store(), revisions, throttle, None)

    for _ in range(5):
        with pytest.raises(Unavailable):
            await check.verify_all([Presented(CREDENTIALS)])
    revisions.away = False
    told = [(await check.verify_all([Presented(CREDENTIALS)]))[0] for _ in range(3)]

    assert [type(each) for each in told] == [Unauthorized, Unauthorized, AccountLocked]


async def test_however_many_keys_devices_name_that_come_together_the_store_is_asked_once():
    store, revisions = Store(), Revisions()
    revisions.away = False
    check = DeviceCheck(store, revisions, Throttle(FakeClock()), None)
    given = [
        DeviceCredentials(device_id="d" * 24, key=f"key {number}", secret="s")
        for number in range(64)
    ]

    told = await check.verify_all([Presented(each) for each in given])

    assert [type(each) for each in told] == [Unauthorized] * 64
    assert store.glances == 1
