"""An application's account is made known, also where the broker refuses a part of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError, MaxPayloadError

from drover.model.errors import Unavailable
from drover.mqtt import link as linking
from drover.mqtt.accounts import Keyring, unverified
from drover.mqtt.link import Link

APPLICATION = "a" * 24
REFUSED = SimpleNamespace(data=b'{"error": {"description": "overlapping"}}')
TAKEN = SimpleNamespace(data=b"{}")


class Broker:
    """Takes claims, but none with topics: those it answers as it is told to."""

    def __init__(self):
        self.told = []
        self.on_topics = TAKEN

    async def request(self, _subject, claims, **_timeout):
        await asyncio.sleep(0)
        imports = unverified(claims, dict)["nats"]["imports"]
        topics = sorted(each["name"] for each in imports if each["name"] != "state")
        self.told.append(topics)
        if topics and isinstance(self.on_topics, Exception):
            raise self.on_topics
        return self.on_topics if topics else TAKEN

    def jetstream(self):
        return None


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def link(broker, monkeypatch):
    found, order = Link(), []

    async def client(_account):
        return broker

    async def keep(_streams, _stream):
        order.append("keep")

    async def roots(_application_id):
        return frozenset({"b"})

    async def greet(_application_id, _client):
        await asyncio.sleep(0)
        order.append("greet")

    found._keys = Keyring(b"secret")
    found.roots, found.greet = roots, greet
    monkeypatch.setattr(found, "client", client)
    monkeypatch.setattr(linking, "keep", keep)
    found.order = order
    return found


@pytest.mark.parametrize("answer", [REFUSED, MaxPayloadError()])
async def test_where_the_broker_refuses_topics_devices_are_let_in_without_them(
    link, broker, answer
):
    broker.on_topics = answer

    await link.ensure(APPLICATION)

    assert broker.told == [["b", "b.>"], []]
    assert link.known == (APPLICATION,)
    assert not link.hears(APPLICATION, "b")


async def test_topics_that_are_refused_later_are_not_heard(link, broker):
    await link.ensure(APPLICATION)
    broker.on_topics = REFUSED

    await link.hear(APPLICATION, frozenset({"c"}))

    assert broker.told == [["b", "b.>"], ["c", "c.>"], []]
    assert not link.hears(APPLICATION, "b")


async def test_a_broker_that_is_away_is_not_asked_a_second_time(link, broker):
    broker.on_topics = ConnectionClosedError()

    with pytest.raises(Unavailable):
        await link.ensure(APPLICATION)

    assert broker.told == [["b", "b.>"]]
    assert link.known == ()


async def test_an_account_that_is_refused_without_topics_is_told_of(link, broker, monkeypatch):
    async def refuse(*_args, **_kwargs):
        return REFUSED

    monkeypatch.setattr(broker, "request", refuse)

    with pytest.raises(Unavailable, match="overlapping"):
        await link.ensure(APPLICATION)


async def test_who_reads_a_connection_in_another_way_comes_before_its_first_request(link):
    await link.ensure(APPLICATION)

    assert link.order[0] == "greet"
