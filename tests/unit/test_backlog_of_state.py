"""Devices are sent away before the broker has no room for what they report."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError

from drover.mqtt import backlog as module
from drover.mqtt.backlog import Backlog

MOST = 1000


class Link:
    """Brokers where so much waits."""

    known = ("one", "other")

    def __init__(self, *waiting):
        self.waiting = list(waiting)
        self.looked = asyncio.Event()

    async def client(self, _account):
        return SimpleNamespace(jetstream=lambda: self)

    async def stream_info(self, _name):
        if not self.waiting:
            self.looked.set()
            raise ConnectionClosedError
        return SimpleNamespace(state=SimpleNamespace(bytes=self.waiting.pop(0)))


class Connections:
    """Notes whose connections are to end."""

    def __init__(self):
        self.ended = []

    async def end_those_of(self, application_id):
        self.ended.append(application_id)


@pytest.mark.parametrize(
    ("waiting", "full"),
    [([899], False), ([900], True), ([900, 700], True), ([900, 699], False), ([899, 700], False)],
)
def test_it_is_full_from_nine_tenths_on_until_a_third_of_that_is_stored(waiting, full):
    backlog = Backlog(Link(), Connections(), MOST)

    for each in waiting:
        backlog.note(each)

    assert (backlog.full, backlog.waiting_bytes) == (full, waiting[-1])


async def test_while_it_is_full_connections_of_all_applications_are_ended():
    connections = Connections()
    backlog = Backlog(Link(0, 950, 0), connections, MOST)

    for _ in range(3):
        await backlog.look()

    assert connections.ended == ["one", "other"]


async def test_it_goes_on_looking_when_the_broker_is_away(monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0)
    link = Link(950)
    backlog = Backlog(link, Connections(), MOST)

    backlog.start()
    async with asyncio.timeout(60):
        await link.looked.wait()
    await backlog.stop()
    await backlog.stop()

    assert backlog.full
