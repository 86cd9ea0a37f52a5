"""Devices are kept away from a broker whose disk is full, or that has failed to write."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from nats.errors import TimeoutError as NatsTimeoutError

from drover.mqtt import soundness as module
from drover.mqtt.backlog import Backlog
from drover.mqtt.soundness import ROOM_AGAIN_BYTES, SPARE_BYTES, Soundness

BROKEN = {"status": "unavailable", "error": "stream STATE write error: no space left on device"}


class World:
    """A broker that says how it is, a disk with so much room, and connections that are ended."""

    known = ("one",)

    def __init__(self, monkeypatch, folder):
        self.told = {"status": "ok"}
        self.free_bytes = 2 * ROOM_AGAIN_BYTES
        self.restarts = 0
        self.ended = []
        monkeypatch.setattr(module, "ASK_S", 0.0)
        usage = lambda _folder: SimpleNamespace(free=self.free_bytes)  # noqa: E731
        monkeypatch.setattr(module.shutil, "disk_usage", usage)
        self.soundness = Soundness(self, folder, self.restart)
        self.backlog = Backlog(self, self, 1000)
        self.backlog.soundness = self.soundness

    async def client(self, _account):
        return SimpleNamespace(request=self.request, jetstream=lambda: self)

    async def request(self, _subject, _question, timeout):  # noqa: ASYNC109 - the client's
        assert timeout
        if self.told is None:
            raise NatsTimeoutError
        return SimpleNamespace(data=json.dumps({"data": self.told}).encode())

    async def stream_info(self, _name):
        if self.told == BROKEN:
            raise NatsTimeoutError
        return SimpleNamespace(state=SimpleNamespace(bytes=0))

    async def end_those_of(self, application_id):
        self.ended.append(application_id)

    async def restart(self):
        self.restarts += 1


@pytest.fixture
def world(monkeypatch, tmp_path):
    return World(monkeypatch, tmp_path)


async def test_devices_are_sent_away_before_the_disk_is_full_until_there_is_room_again(world):
    seen = []
    for free in (SPARE_BYTES, SPARE_BYTES - 1, ROOM_AGAIN_BYTES - 1, ROOM_AGAIN_BYTES):
        world.free_bytes = free
        await world.backlog.look()
        seen.append((world.backlog.full, len(world.ended)))

    assert seen == [(False, 0), (True, 1), (True, 2), (False, 2)]
    assert world.restarts == 0


async def test_a_broker_that_failed_to_write_is_started_anew_once_devices_were_sent_away(world):
    world.told = BROKEN
    with pytest.raises(NatsTimeoutError):
        await world.backlog.look()
    first = (world.backlog.full, world.ended, world.restarts)

    await world.soundness.look()
    await world.soundness.look()  # it is left alone for a while
    restarts = world.restarts
    world.told = {"status": "ok"}
    await world.backlog.look()

    assert first == (True, ["one"], 0)
    assert restarts == 1
    assert not world.backlog.full


async def test_it_is_not_started_anew_while_the_disk_is_full(world):
    world.told, world.free_bytes = BROKEN, 0

    for _ in range(3):
        await world.soundness.look()
    full = world.restarts
    world.free_bytes = ROOM_AGAIN_BYTES
    await world.soundness.look()

    assert (full, world.restarts) == (0, 1)


async def test_nothing_is_concluded_of_a_broker_that_does_not_answer(world):
    world.told = None

    await world.soundness.look()

    assert world.soundness.keeps


async def test_a_broker_is_asked_from_time_to_time_alone(world, monkeypatch):
    monkeypatch.setattr(module, "ASK_S", 3600.0)
    await world.soundness.look()
    world.told = BROKEN

    await world.soundness.look()

    assert world.soundness.keeps


async def test_other_complaints_of_a_broker_send_nobody_away(world):
    world.told = {"status": "unavailable", "error": "JetStream account could not be resolved"}

    await world.soundness.look()
    await world.soundness.look()

    assert world.soundness.keeps
    assert world.restarts == 0
