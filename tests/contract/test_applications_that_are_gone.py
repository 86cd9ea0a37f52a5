"""An application that the broker has forgotten leaves nothing there, and holds up no other."""

from __future__ import annotations

import asyncio
import os

import pytest

from drover.mqtt import link as linking
from drover.mqtt.accounts import Keyring
from drover.mqtt.broker import Broker, Ports, find_binary
from drover.mqtt.leftovers import take_away
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


def left_of(folder, link, application_id):
    """Which files the broker has of an application; it may be taking them away meanwhile."""
    account = link.account(application_id)
    files = (f"{place}/{each}" for place, _, names in os.walk(folder) for each in names)
    return [each for each in files if account in each]


async def emptied(folder, link, application_id):
    """Wait until the broker, which takes files away behind its answer, has none of them."""
    async with asyncio.timeout(PATIENCE_S):
        while left_of(folder, link, application_id):
            await asyncio.sleep(0.05)


async def test_it_leaves_no_file_at_the_broker(links, tmp_path):
    link, _ = links
    await link.ensure(GONE)
    before = left_of(tmp_path, link, GONE)

    await link.forget(GONE)

    assert len(before) > 2
    await emptied(tmp_path, link, GONE)


async def test_a_server_that_started_later_has_it_forgotten_with_all_that_is_left(links, tmp_path):
    link, later = links
    await link.ensure(GONE)
    await link.ensure(THERE)

    await later.recall()
    told = sorted(later.told)
    await later.forget(GONE)

    assert told == [GONE, THERE]
    assert list(later.told) == [THERE]
    await emptied(tmp_path, link, GONE)
    assert left_of(tmp_path, link, THERE) != []


async def test_two_servers_have_it_forgotten_at_the_same_time(links, tmp_path):
    for each in links:
        await each.ensure(GONE)

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(each.forget(GONE) for each in links))

    await emptied(tmp_path, links[0], GONE)
    assert [list(each.told) for each in links] == [[], []]


async def test_it_is_told_again_where_the_broker_did_not_answer(broker, links, monkeypatch):
    link, _ = links
    await link.ensure(GONE)
    monkeypatch.setattr(linking, "REQUEST_S", 1e-9)
    with pytest.raises(TimeoutError):
        await link.forget(GONE)
    untold = list(link.told)

    monkeypatch.setattr(linking, "REQUEST_S", 60.0)
    await link.forget(GONE)

    assert untold == [GONE]
    assert list(link.told) == []


async def test_the_next_start_of_the_broker_takes_away_its_folders(broker, links, tmp_path):
    link, _ = links
    for each in (GONE, THERE):
        await link.ensure(each)
    await link.forget(GONE)
    await emptied(tmp_path, link, GONE)
    await broker.stop()

    again = Broker(KEYS, broker.ports, tmp_path, find_binary())
    await again.start()
    try:
        folders = {each.name for each in (tmp_path / "jetstream" / "jetstream").iterdir()}
        other = Link()
        await other.open(KEYS, [again.url])
        await other.recall()
        told = list(other.told)
        await other.close()
    finally:
        await again.stop()

    assert link.account(GONE) not in folders
    assert link.account(THERE) in folders
    assert told == [THERE]


def test_what_an_earlier_version_left_is_taken_away(tmp_path):
    accounts, streams = tmp_path / "accounts", tmp_path / "jetstream" / "jetstream"
    accounts.mkdir()
    for name, claims in (("OLD", "OLD.jwt.deleted"), ("NEW", "NEW.jwt"), ("LOST", None)):
        (streams / name / "streams").mkdir(parents=True)
        (streams / name / "streams" / "1.blk").write_text("said")
        if claims:
            (accounts / claims).write_text("claims")

    take_away(tmp_path)

    assert sorted(each.name for each in streams.iterdir()) == ["LOST", "NEW"]
    assert [each.name for each in accounts.iterdir()] == ["NEW.jwt"]
