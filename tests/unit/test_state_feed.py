"""State is asked for while there is room for it, and acknowledged once it is stored."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError

from drover.mqtt import feed as feeding
from drover.mqtt.feed import MOST_DELIVERIES
from drover.mqtt.state_feed import StateFeed
from tests.support.broker_account import Account
from tests.support.flushed import Flushed

SUBJECT = b"state.aaaa.losant.dddd.state"


def place(number: int, deliveries: int = 1) -> bytes:
    """What a message of the stream is acknowledged by."""
    return b"$JS.ACK.STATE.servers.%d.%d.%d.1700000000123456789.0" % (deliveries, number, number)


class Broker(Flushed):
    """The connection to the broker: notes what is asked and acknowledged."""

    is_connected = True

    def __init__(self):
        self.asked = asyncio.Queue()
        self.sent = asyncio.Queue()
        self.failing = False

    async def publish(self, _subject, _question, reply):
        if self.failing:
            self.failing = False
            raise ConnectionClosedError
        self.asked.put_nowait(reply)

    async def _send_command(self, command):
        self.sent.put_nowait(command)

    async def close(self):
        self.is_connected = False


class Intake:
    """Takes state as long as it is let."""

    def __init__(self):
        self.has_room = True
        self.taken = []

    def state(self, application_id, device_id, payload, arrived_ms, done):
        self.taken.append((application_id, device_id, payload, arrived_ms, done))


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(feeding, "AT_A_TIME", 2)
    since: dict[str, float] = {}
    intake = Intake()
    feed = StateFeed(None, intake, None, 1_000_000, since.get)._feed
    feed._client = broker = Broker()
    feed._tasks = [asyncio.create_task(feed._ask_on()), asyncio.create_task(feed._acknowledge())]
    yield SimpleNamespace(feed=feed, broker=broker, intake=intake, since=since)
    await feed.stop()


async def test_the_next_are_asked_for_when_those_asked_for_have_come(world):
    await world.broker.asked.get()

    world.feed._take(SUBJECT, place(1), b"", b"{}")
    assert world.broker.asked.empty()
    world.feed._take(SUBJECT, place(2), b"", b"{}")

    await world.broker.asked.get()
    assert [each[:4] for each in world.intake.taken] == [
        ("aaaa", "dddd", b"{}", 1_700_000_000_123)
    ] * 2


BATCH_COMPLETED = b"NATS/1.0 409 Batch Completed\r\nNats-Pending-Messages: %d\r\n\r\n"


@pytest.mark.parametrize(
    "told",
    [
        b"NATS/1.0 408 Request Timeout\r\n\r\n",
        b"NATS/1.0 409 Message Size Exceeds MaxBytes\r\n\r\n",
        BATCH_COMPLETED % 1,
    ],
)
async def test_a_question_that_the_broker_gives_up_is_asked_again_at_once(world, monkeypatch, told):
    monkeypatch.setattr(feeding.asyncio, "sleep", lambda _s: asyncio.Event().wait())
    await world.broker.asked.get()

    world.feed._take(b"_INBOX.1", b"", told, b"")

    await world.broker.asked.get()
    assert world.intake.taken == []


async def test_a_question_of_which_all_came_is_followed_by_one_at_once(world, monkeypatch):
    sleep, ready = asyncio.sleep, asyncio.Event()
    monkeypatch.setattr(feeding.asyncio, "sleep", lambda _s: ready.wait())
    await world.broker.asked.get()

    for number in range(2):
        world.feed._take(SUBJECT, place(number), b"", b"{}")
    world.feed._take(b"_INBOX.1", b"", BATCH_COMPLETED % 0, b"")
    await world.broker.asked.get()
    world.feed._take(b"_INBOX.1", b"", BATCH_COMPLETED % 0, b"")
    for _ in range(10):
        await sleep(0)

    assert world.broker.asked.empty()


async def test_nothing_is_asked_for_while_there_is_no_room(world):
    await world.broker.asked.get()
    world.intake.has_room = False
    for number in range(2):
        world.feed._take(SUBJECT, place(number), b"", b"{}")
    while not world.feed.held_back:
        await asyncio.sleep(0)
    assert world.broker.asked.empty()

    world.intake.has_room = True
    world.intake.taken[0][-1]()

    await world.broker.asked.get()
    assert world.feed.held_back == 1


async def test_what_is_stored_is_acknowledged_together(world):
    for number in range(2):
        world.feed._take(SUBJECT, place(number), b"", b"{}")

    for *_, done in world.intake.taken:
        done()

    assert await world.broker.sent.get() == b"PUB %b 0\r\n\r\nPUB %b 0\r\n\r\n" % (
        place(0),
        place(1),
    )


async def test_what_a_server_published_is_acknowledged_and_not_stored_again(world):
    relay = b'NATS/1.0\r\nDrover-Relay: ["u","user",0]\r\n\r\n'
    world.feed._take(SUBJECT, place(1), relay, b"{}")
    world.feed._take(SUBJECT, place(2), b"NATS/1.0\r\nOther: Drover-Relay:\r\n\r\n", b"{}")

    assert [each[2] for each in world.intake.taken] == [b"{}"]
    assert await world.broker.sent.get() == b"PUB %b 0\r\n\r\n" % place(1)


async def test_what_is_stored_after_a_stop_is_acknowledged_at_the_end(world):
    world.feed._take(SUBJECT, place(7), b"", b"{}")
    await world.feed.stop()

    world.intake.taken[0][-1]()
    await world.feed.finish()

    assert world.broker.sent.get_nowait() == b"PUB %b 0\r\n\r\n" % place(7)


async def test_nothing_is_acknowledged_over_a_connection_that_is_lost(world):
    world.broker.is_connected = False
    world.feed._stored = [place(7)]

    await world.feed._acknowledge_all()

    assert world.broker.sent.empty()


async def test_a_question_that_cannot_be_asked_is_asked_again_later(world, monkeypatch):
    monkeypatch.setattr(feeding, "LATE_S", 0)
    await world.broker.asked.get()
    world.broker.failing = True

    world.feed._take(b"_INBOX.1", b"", b"", b"")

    await world.broker.asked.get()
    assert not world.broker.failing


async def test_a_question_whose_answer_is_lost_is_asked_again(world, monkeypatch):
    await world.broker.asked.get()
    monkeypatch.setattr(feeding, "PATIENCE_S", 0)
    monkeypatch.setattr(feeding, "LATE_S", 0)

    world.feed._take(b"_INBOX.1", b"", b"", b"")

    for _ in range(2):
        await world.broker.asked.get()


async def test_what_was_asked_over_a_connection_that_is_lost_is_asked_again_once_it_is_back(
    monkeypatch,
):
    monkeypatch.setattr(feeding, "ROOM_S", 0)
    account = Account()
    feed = StateFeed(None, Intake(), None, 1_000_000, {}.get)._feed
    await feed.open(account)
    await account.sent.get()

    account.is_connected = False
    account._ps.reset()
    for _ in range(20):
        await asyncio.sleep(0)
    assert account.sent.empty()

    account.is_connected = True
    await account.sent.get()
    await feed.stop()


@pytest.mark.parametrize(
    "told", [b"503 No Responders", b"404 Consumer Not Found", b"409 Consumer Deleted"]
)
async def test_a_consumer_that_is_gone_is_made_again_and_not_asked_without_a_pause(
    world, monkeypatch, told
):
    pauses = asyncio.Semaphore(0)
    revived = []

    async def revive():
        revived.append("again")

    monkeypatch.setattr(feeding.asyncio, "sleep", lambda _s: pauses.acquire())
    world.feed._revive = revive
    await world.broker.asked.get()

    world.feed._take(b"_INBOX.1", b"", b"NATS/1.0 %b\r\n\r\n" % told, b"")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await world.broker.asked.get()
    assert revived == []

    pauses.release()
    await world.broker.asked.get()
    assert revived == ["again"]


async def test_a_broker_of_another_domain_tells_when_it_took_a_message(world):
    longer = b"$JS.ACK.hub.AABBCC.STATE.servers.1.5.5.1700000000123456789.0.x"

    world.feed._take(SUBJECT, longer, b"", b"{}")

    assert world.intake.taken[0][3] == 1_700_000_000_123


async def test_room_that_others_make_is_seen(world, monkeypatch):
    monkeypatch.setattr(feeding, "ROOM_S", 0)
    await world.broker.asked.get()
    world.intake.has_room = False
    world.feed._take(b"_INBOX.1", b"", b"", b"")
    while not world.feed.held_back:
        await asyncio.sleep(0)

    world.intake.has_room = True

    await world.broker.asked.get()


WAITS_FOR_AN_ANSWER = b"NATS/1.0\r\nNmqtt-Pub:1\r\n\r\n"
WAITS_FOR_NONE = b"NATS/1.0\r\nNmqtt-Pub:0\r\n\r\n"


@pytest.mark.parametrize(
    ("since", "headers", "taken"),
    [
        (0, WAITS_FOR_AN_ANSWER, 0),
        (1_700_000_000_123, WAITS_FOR_AN_ANSWER, 0),
        (1_700_000_000_124, WAITS_FOR_AN_ANSWER, 1),
        (0, WAITS_FOR_NONE, 1),
        (0, b"", 1),
    ],
)
async def test_what_is_taken_elsewhere_is_only_acknowledged(world, since, headers, taken):
    world.since["aaaa"] = since

    world.feed._take(SUBJECT, place(1), headers, b"{}")

    assert len(world.intake.taken) == taken
    if not taken:
        assert await world.broker.sent.get() == b"PUB %b 0\r\n\r\n" % place(1)


async def test_where_it_is_not_known_who_takes_a_report_it_is_handed_out_again(world):
    world.feed._take(SUBJECT, place(1), WAITS_FOR_AN_ANSWER, b"{}")

    answer = b'-NAK {"delay": 1000000000}'
    expected = b"PUB %b %d\r\n%b\r\n" % (place(1), len(answer), answer)
    assert await world.broker.sent.get() == expected
    assert world.intake.taken == []


async def test_a_report_that_nobody_knows_to_be_taken_elsewhere_is_taken_in_the_end(world):
    again = place(1, MOST_DELIVERIES + 1)

    world.feed._take(SUBJECT, again, WAITS_FOR_AN_ANSWER, b"{}")

    assert len(world.intake.taken) == 1
