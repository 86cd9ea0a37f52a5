"""What is published for an application that the broker has forgotten holds up no other."""

from __future__ import annotations

import asyncio

import pytest

from drover.mqtt import link as linking
from drover.mqtt.accounts import Keyring
from drover.mqtt.broker import Broker, Ports, find_binary
from drover.mqtt.link import Link
from drover.ports.bus import Message

KEYS = Keyring(b"secret")
GONE, THERE = "a" * 24, "b" * 24
PATIENCE_S = 60


@pytest.fixture
async def broker(tmp_path):
    running = Broker(KEYS, Ports(host="127.0.0.1", clients=0, mqtt=0), tmp_path, find_binary())
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def links(broker):
    """Two servers at one broker."""
    opened = [Link(), Link()]
    for each in opened:
        await each.open(KEYS, [broker.url])
    yield opened
    for each in opened:
        await each.close()


async def heard_by(link):
    """What an application that is there is told after one that is gone."""
    heard = asyncio.Queue()
    await link.subscribe(THERE, "a/b", heard.put_nowait)
    link.publish(Message(GONE, "a/b", b"late"))
    link.publish(Message(THERE, "a/b", b"hello"))
    async with asyncio.timeout(PATIENCE_S):
        return (await heard.get()).payload


async def test_a_server_that_had_it_forgotten_does_not_try_again(links, monkeypatch):
    link, _ = links
    monkeypatch.setattr(linking, "REQUEST_S", 10 * PATIENCE_S)
    await link.ensure(GONE)
    await link.forget(GONE)

    assert await heard_by(link) == b"hello"
    assert link.known == (THERE,)


async def test_a_server_that_did_not_know_it_tries_for_a_moment(links, monkeypatch):
    link, other = links
    await link.ensure(GONE)
    await link.forget(GONE)
    monkeypatch.setattr(linking, "REQUEST_S", 2.0)

    assert await heard_by(other) == b"hello"
    assert other.known == (THERE,)
