"""Messages that workflows wait for at QoS 1 are taken from the stream that acknowledges them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError

from drover.mqtt import overheard as overhearing
from drover.mqtt import said as module
from drover.mqtt import streams
from drover.mqtt.said import CONSUMER, STREAM, SaidFeeds, subjects_for
from drover.ports.bus import Message, Relay
from tests.support.broker_account import Account

ONE, OTHER = "1" * 24, "2" * 24
DEVICE = "d" * 24
PUMP = frozenset({"pump/+"})
AT_QOS_1 = b"NATS/1.0\r\nNmqtt-Pub:1\r\nNats-Request-Info:%b\r\n\r\n"
BY_DEVICE = AT_QOS_1 % b'{"user":"%b.%b.key","client_type":"mqtt"}' % (ONE.encode(), b"d" * 24)
AT_QOS_0 = BY_DEVICE.replace(b"Pub:1", b"Pub:0")


def place(number, arrived_ns=None):
    """What a message of the stream is acknowledged by."""
    arrived_ns = arrived_ns or time.time_ns() + 60_000_000_000
    return b"$JS.ACK.$MQTT_msgs.workflows.1.%d.1.%d.0" % (number, arrived_ns)


class Link:
    """Applications of a broker."""

    def __init__(self):
        self.accounts = {ONE: Account(), OTHER: Account()}

    async def application(self, application_id):
        return self.accounts[application_id]

    async def open_another(self, _account):
        return Account()


class Intake:
    """Takes messages, and notes them."""

    has_room = True

    def __init__(self):
        self.taken = []
        self.spoken = []

    def heard(self, filters, message, place, done):
        self.taken.append(SimpleNamespace(filters=filters, message=message, place=place, done=done))

    def spoke_on(self, application_id, topic, speaker):
        self.spoken.append((application_id, topic, speaker))


@pytest.fixture
async def world():
    link, intake = Link(), Intake()
    feeds = SaidFeeds(link, intake)
    await feeds.start()
    yield SimpleNamespace(feeds=feeds, link=link, intake=intake, account=link.accounts[ONE])
    await feeds.stop()
    await feeds.finish()


def passes(world, topic="pump.left", payload=b"on", headers=BY_DEVICE, application_id=ONE):
    """Have a message pass from the application's account to the platform's."""
    subject = f"said.{application_id}.{topic}".encode()
    world.feeds._passed(subject, b"", headers, payload)


def comes(world, topic="pump.left", payload=b"on", told=None, number=1):
    """Have the stream of messages hand one over; returns what acknowledges it."""
    told = told or place(number)
    world.feeds._feeds[ONE]._feed._take(f"$MQTT.msgs.{topic}".encode(), told, b"", payload)
    return told


async def test_a_message_is_handed_over_with_who_published_it_and_acknowledged_once_stored(world):
    await world.feeds.follow(ONE, PUMP)
    await world.account.sent.get()
    passes(world)

    told = comes(world)

    (taken,) = world.intake.taken
    assert taken.message == Message(ONE, "pump/left", b"on", Relay(DEVICE, "device"))
    assert (taken.filters, taken.place) == (("pump/+",), f"1.{told.split(b'.')[7].decode()}")
    assert world.account.sent.empty()
    taken.done()
    assert await world.account.sent.get() == b"PUB %b 0\r\n\r\n" % told


async def test_who_published_a_message_may_be_told_after_it(world):
    await world.feeds.follow(ONE, PUMP)
    comes(world)
    assert world.intake.taken == []

    passes(world, payload=b"off")
    assert world.intake.taken == []
    passes(world)

    assert [each.message.relay for each in world.intake.taken] == [Relay(DEVICE, "device")]


async def test_a_message_of_which_nobody_is_told_is_handed_over_all_the_same(world, monkeypatch):
    monkeypatch.setattr(overhearing, "WAIT_S", 0)
    await world.feeds.follow(ONE, PUMP)

    comes(world)
    comes(world)
    while len(world.intake.taken) < 2:
        await asyncio.sleep(0)

    assert [each.message.relay for each in world.intake.taken] == [None, None]


async def test_a_message_from_before_the_server_came_waits_for_nobody(world):
    await world.feeds.follow(ONE, PUMP)

    comes(world, told=place(1, 1_700_000_000_000_000_000))

    assert [each.message.relay for each in world.intake.taken] == [None]


async def test_only_what_was_published_at_qos_1_is_expected_of_the_stream(world):
    await world.feeds.follow(ONE, PUMP)
    passes(world, headers=AT_QOS_0)
    passes(world, headers=b"")
    passes(world, application_id=OTHER)

    comes(world)

    assert (world.intake.taken, world.intake.spoken) == ([], [])


async def test_who_says_much_is_counted_as_it_passes(world):
    await world.feeds.follow(ONE, PUMP)

    passes(world)
    passes(world, topic="pump.left.deeper")

    assert [each[1] for each in world.intake.spoken] == ["pump/left", "pump/left/deeper"]


async def test_what_fits_no_filter_waits_until_it_was_looked_and_is_done_with_then(world):
    await world.feeds.follow(ONE, PUMP)
    await world.account.sent.get()
    told, late = comes(world, "valve"), place(2)
    world.feeds.mark()
    comes(world, "valve", told=late)

    world.feeds.settle()
    assert await world.account.sent.get() == b"PUB %b 0\r\n\r\n" % told
    assert world.account.sent.empty()

    world.feeds.mark()
    await world.feeds.follow(ONE, PUMP | {"valve"})
    world.feeds.settle()
    passes(world, "valve")
    assert [each.filters for each in world.intake.taken] == [("valve",)]


async def test_a_broker_keeps_what_is_waited_for_and_no_more(world):
    await world.feeds.follow(ONE, PUMP)
    consumer = world.account.consumers[STREAM, CONSUMER]
    assert consumer.filter_subjects == ["$MQTT.msgs.pump.*"]
    assert (world.feeds.takes(ONE, "pump/+"), world.feeds.takes(ONE, "x")) == (True, False)
    assert world.feeds.takes(OTHER, "pump/+") is False

    await world.feeds.follow(ONE, frozenset({"valve/#"}))
    consumer = world.account.consumers[STREAM, CONSUMER]
    assert consumer.filter_subjects == ["$MQTT.msgs.valve", "$MQTT.msgs.valve.>"]

    await world.feeds.follow(ONE, frozenset())
    assert world.account.consumers  # another server may have been told of more a moment ago
    await world.feeds.follow(ONE, frozenset())
    await world.feeds.follow(ONE, frozenset())
    assert (world.account.consumers, world.feeds.followed) == ({}, ())


async def test_it_is_waited_until_who_leads_the_stream_knows_of_a_new_consumer(world, monkeypatch):
    monkeypatch.setattr(streams, "_LOOK_S", 0)
    world.account.unlearned = 5

    await world.feeds.follow(ONE, PUMP)

    assert world.account.unlearned < 0
    assert world.feeds.takes(ONE, "pump/+")


async def test_a_consumer_that_somebody_else_made_just_then_is_not_waited_for_for_ever(
    world, monkeypatch
):
    monkeypatch.setattr(streams, "LEARNING_S", 0)
    world.account.unlearned = 1_000_000

    await world.feeds.follow(ONE, PUMP)

    assert world.feeds.takes(ONE, "pump/+")


async def test_a_consumer_that_another_server_took_away_is_no_failure(world):
    await world.feeds.follow(ONE, PUMP)
    world.account.consumers.clear()

    await world.feeds.follow(ONE, frozenset())
    await world.feeds._feeds[ONE]._make_again()
    await world.feeds.follow(ONE, frozenset())

    assert (world.account.consumers, world.feeds.followed) == ({}, ())


async def test_what_a_broker_lost_is_made_again(world):
    await world.feeds.follow(ONE, PUMP)
    before = dict(world.account.consumers)
    world.account.consumers.clear()

    await world.feeds._feeds[ONE]._make_again()

    assert world.account.consumers == before


async def test_what_the_broker_refuses_is_not_taken_and_tried_again(world):
    world.account.failing = ConnectionClosedError()
    with pytest.raises(ConnectionClosedError):
        await world.feeds.follow(ONE, PUMP)
    assert (world.feeds.takes(ONE, "pump/+"), world.feeds.followed) == (False, ())

    world.account.failing = None
    await world.feeds.follow(ONE, PUMP)
    assert world.feeds.takes(ONE, "pump/+")


async def test_an_application_that_was_forgotten_is_taken_up_anew(world):
    await world.feeds.follow(ONE, PUMP)
    world.account.is_closed = True
    world.link.accounts[ONE] = Account()

    await world.feeds.follow(ONE, PUMP)

    assert world.link.accounts[ONE].consumers
    world.link.accounts[ONE].is_closed = True
    await world.feeds.follow(ONE, frozenset())
    assert world.feeds.followed == ()


async def test_no_more_is_asked_for_while_too_much_waits_here(world, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    await world.feeds.follow(ONE, PUMP)
    has_room = world.feeds._feeds[ONE]._has_room
    assert has_room()

    comes(world)
    comes(world, "valve")
    assert not has_room()

    world.feeds.mark()
    world.feeds.settle()
    assert has_room()
    world.intake.has_room = False
    assert not has_room()


async def test_a_server_that_stops_takes_what_the_broker_has_kept(world, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0)
    await world.feeds.follow(ONE, PUMP)
    world.account.pending = 1
    stopping = asyncio.create_task(world.feeds.stop())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not stopping.done()

    passes(world)
    comes(world)
    await stopping

    assert len(world.intake.taken) == 1


@pytest.mark.parametrize(
    ("filters", "subjects"),
    [
        (["a/b", "a/+", "a/b"], ["a.*"]),
        (["a/#", "a/b/c", "a"], ["a", "a.>"]),
        (["a/+/c", "a/b/+"], ["a.*.c", "a.b.*"]),
        (["a.b/c", "a/"], ["a./", "a//b.c"]),
    ],
)
def test_subjects_take_what_filters_fit_and_none_takes_anothers(filters, subjects):
    assert subjects_for(filters) == [f"$MQTT.msgs.{each}" for each in subjects]


def test_where_filters_are_many_all_that_begins_alike_is_taken():
    filters = [f"a/{number}" for number in range(200)] + ["b"]

    subjects = ["a", "a.>", "b", "b.>"]
    assert subjects_for(filters) == [f"$MQTT.msgs.{each}" for each in subjects]
