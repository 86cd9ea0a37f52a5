"""An application's account is made known once, also where the broker refuses a part of it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError, MaxPayloadError

from drover.model.errors import Unavailable
from drover.mqtt import link as linking
from drover.mqtt.accounts import Keyring, unverified
from drover.mqtt.link import Link
from tests.support.flushed import Flushed

APPLICATION = "a" * 24
REFUSED = SimpleNamespace(data=b'{"error": {"description": "overlapping"}}')
TAKEN = SimpleNamespace(data=b"{}")


class Broker(Flushed):
    """Takes claims, but none with topics: those it answers as it is told to."""

    def __init__(self):
        self.told = []
        self.on_topics = TAKEN
        self.connected = 0
        self.closed = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = asyncio.Event()

    async def request(self, _subject, claims, **_timeout):
        self.asked.set()
        await self.answers.wait()
        imports = unverified(claims, dict)["nats"]["imports"]
        topics = sorted(each["name"] for each in imports if each["name"] != "state")
        self.told.append(topics)
        if topics and isinstance(self.on_topics, Exception):
            raise self.on_topics
        return self.on_topics if topics else TAKEN

    def jetstream(self):
        return None

    async def close(self):
        self.closed += 1


@pytest.fixture
async def broker():
    return Broker()


@pytest.fixture
async def link(broker, monkeypatch):
    found, order = Link(), []

    async def connected(_account):
        broker.connected += 1
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
    monkeypatch.setattr(found, "_connected", connected)
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


async def test_who_reads_a_connection_in_another_way_comes_once_whatever_the_broker_forgets(link):
    await link.ensure(APPLICATION)

    await link._again(APPLICATION)
    await link.ensure(APPLICATION)

    assert link.order.count("greet") == 1


async def test_a_connection_that_cannot_be_read_as_it_shall_be_is_not_used(link, broker):
    async def fail(_application_id, _client):
        raise ConnectionClosedError

    link.greet = fail

    with pytest.raises(Unavailable):
        await link.ensure(APPLICATION)

    assert broker.closed == 1
    assert APPLICATION not in link._clients


async def test_an_application_is_made_known_once_for_all_who_need_it(link, broker):
    broker.answers.clear()
    needing = [asyncio.create_task(link.ensure(APPLICATION)) for _ in range(3)]
    await broker.asked.wait()
    broker.answers.set()

    await asyncio.gather(*needing)

    assert broker.told == [["b", "b.>"]]
    assert link.order.count("greet") == 1


async def test_all_who_need_an_application_hear_at_once_that_the_broker_is_away(link, broker):
    broker.on_topics = ConnectionClosedError()
    broker.answers.clear()
    needing = [asyncio.create_task(link.ensure(APPLICATION)) for _ in range(3)]
    await broker.asked.wait()
    broker.answers.set()

    found = await asyncio.gather(*needing, return_exceptions=True)

    assert [type(each) for each in found] == [Unavailable] * 3
    assert broker.told == [["b", "b.>"]]


async def test_an_application_is_tried_again_after_the_broker_was_away(link, broker):
    broker.on_topics = ConnectionClosedError()
    with pytest.raises(Unavailable):
        await link.ensure(APPLICATION)
    broker.on_topics = TAKEN

    await link.ensure(APPLICATION)

    assert link.known == (APPLICATION,)


class Impatient(dict):
    """What is being made known; it ends who asks for it without a pause."""

    asked = 0

    def get(self, *args):
        self.asked += 1
        assert self.asked < 100
        return super().get(*args)


async def test_who_comes_at_the_moment_at_which_an_application_is_known_goes_on(link, broker):
    async def come_then() -> None:
        await broker.answers.wait()
        await link.ensure(APPLICATION)

    link._making, link.greet = Impatient(), None
    broker.answers.clear()
    first = asyncio.create_task(link.ensure(APPLICATION))
    await broker.asked.wait()
    then = asyncio.create_task(come_then())
    await asyncio.sleep(0)
    broker.answers.set()

    await asyncio.gather(first, then)

    assert broker.told == [["b", "b.>"]]


async def test_a_connection_that_came_back_makes_nobody_tell_of_other_applications_again(
    link, broker
):
    await link.ensure(APPLICATION)

    await link._again("b" * 24)
    await link.ensure(APPLICATION)

    assert broker.told == [["b", "b.>"]]


async def test_of_a_broker_that_came_back_nothing_is_taken_for_known(link, broker, monkeypatch):
    async def nothing() -> None:
        pass

    monkeypatch.setattr(link, "_tell_of_platform", nothing)
    await link.ensure(APPLICATION)

    await link._again(linking.PLATFORM)
    await link.ensure(APPLICATION)

    assert broker.told == [["b", "b.>"]] * 2


async def test_one_who_waits_no_longer_does_not_end_it_for_others(link, broker):
    broker.answers.clear()
    leaving, staying = (asyncio.create_task(link.ensure(APPLICATION)) for _ in range(2))
    await broker.asked.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    broker.answers.set()

    await staying

    assert leaving.cancelled()
    assert broker.told == [["b", "b.>"]]


async def test_what_was_told_to_a_broker_that_is_another_one_since_is_told_again(link, broker):
    broker.answers.clear()
    needing = asyncio.create_task(link.ensure(APPLICATION))
    await broker.asked.wait()
    await link._again(APPLICATION)
    broker.answers.set()

    await needing

    assert broker.told == [["b", "b.>"]] * 2
    assert link.known == (APPLICATION,)


async def test_a_link_that_closes_waits_for_no_broker(link, broker):
    broker.answers.clear()
    needing = asyncio.create_task(link.ensure(APPLICATION))
    await broker.asked.wait()

    await link.close()

    with pytest.raises(asyncio.CancelledError):
        await needing
    assert link.known == ()


async def test_who_listens_to_everything_hears_nothing_that_the_broker_says_to_itself(link, broker):
    heard, listening = [], []

    async def subscribe(_subject, queue, cb):
        listening.append(cb)

    async def take(message):
        heard.append(message.subject)

    broker.subscribe = subscribe
    await link.listen(APPLICATION, "#", take)

    for subject in ("$JS.API.INFO", "$MQTT.sess.x", "_INBOX.x", "_R_.x", "a.b", "_inbox", "/"):
        await listening[0](SimpleNamespace(subject=subject))

    assert heard == ["a.b", "_inbox", "/"]


async def test_devices_need_not_wait_until_brokers_can_tell_of_what_was_there_before(
    link, broker, monkeypatch
):
    await link.ensure(APPLICATION)
    await link._again(APPLICATION)
    there = linking.keep

    async def say_nothing(_streams, _stream):
        await asyncio.Event().wait()

    monkeypatch.setattr(linking, "keep", say_nothing)
    monkeypatch.setattr(linking, "LOOKING_S", 0)

    await link.ensure(APPLICATION)
    assert link.known == ()

    monkeypatch.setattr(linking, "keep", there)
    await link.ensure(APPLICATION)
    assert link.known == (APPLICATION,)


async def test_nobody_is_let_in_before_an_application_has_its_streams(link, monkeypatch):
    async def fail(_streams, _stream):
        raise TimeoutError

    monkeypatch.setattr(linking, "keep", fail)

    for _ in range(2):
        with pytest.raises(Unavailable):
            await link.ensure(APPLICATION)
    assert link.known == ()


async def test_who_prepares_applications_is_given_also_those_that_are_known(link, monkeypatch):
    await link.ensure(APPLICATION)
    given = []

    async def note(application_id, client, messages):
        given.append((application_id, client, messages))

    async def keep(_streams, stream):
        return stream.name

    monkeypatch.setattr(linking, "keep", keep)
    link.prepare_with(note)

    await link.ensure(APPLICATION)

    assert given == [(APPLICATION, link._clients[APPLICATION], "$MQTT_msgs")]
