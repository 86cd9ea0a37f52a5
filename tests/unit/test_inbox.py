"""What devices say waits for the store in bounds, and is told as stored only then."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from drover.app.live import inbox as module
from drover.app.live.inbox import Inbox, SaidOn, SaidState, reports_in
from drover.app.live.presence import PresenceBook
from drover.ports.bus import Message, Relay
from drover.ports.door import Connection
from drover.ports.failures import StoreBusy
from drover.ports.jobs import Place


class Store:
    """A store that is away until it is back; it does no work then either."""

    def __init__(self):
        self.back = asyncio.Event()
        self.tries = 0

    async def write(self, _work):
        self.tries += 1
        if not self.back.is_set():
            raise StoreBusy("away")
        return []


class Reports:
    """Tells nobody."""

    def announce(self, taken):
        """Take note of nothing."""


def said(payload=b'{"data": {"level": 1}}', done=lambda: None):
    return SaidState("a" * 24, "d" * 24, payload, done)


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr("drover.app.live.batches.REST_S", 0)
    return Store()


@pytest.fixture
def inbox(store):
    return Inbox(store, Reports())


@pytest.mark.parametrize(("limit", "most"), [("MOST_WAITING", 3), ("MOST_WAITING_BYTES", 60)])
async def test_there_is_no_room_while_the_store_is_away_and_room_again_after(
    inbox, store, monkeypatch, limit, most
):
    monkeypatch.setattr(module, limit, most)
    stored = []
    for number in range(3):
        assert inbox.has_room
        inbox.put(said(done=lambda number=number: stored.append(number)))
    inbox.start()
    while store.tries < 3:
        await asyncio.sleep(0)
    assert (inbox.has_room, stored, inbox.waiting) == (False, [], 3)

    store.back.set()
    while not inbox.has_room:
        await asyncio.sleep(0)

    assert (stored, inbox.waiting) == ([0, 1, 2], 0)
    await inbox.close()


async def test_messages_for_workflows_are_dropped_and_counted_when_too_much_waits(
    inbox, monkeypatch
):
    monkeypatch.setattr(module, "MOST_WAITING", 1)

    for _ in range(3):
        inbox.offer(SaidOn(("t/#",), Message("a" * 24, "t/a", b"", Relay("f", "flow"))))

    assert (inbox.waiting, inbox.dropped) == (1, 2)


async def test_a_message_that_is_kept_elsewhere_takes_room_until_it_is_stored(inbox, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 10)
    message = Message("a" * 24, "t/a", b"x" * 10)

    inbox.put(SaidOn(("t/#",), message, Place("a" * 24, "1.1"), lambda: None))

    assert (inbox.has_room, inbox.waiting) == (False, 1)


async def test_what_can_never_be_stored_is_given_up_and_takes_no_room(inbox, store, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 10)

    async def breaks(_work):
        raise ZeroDivisionError

    store.write, given_up = breaks, []
    inbox.put(said(done=lambda: given_up.append(1)))
    assert not inbox.has_room

    inbox.start()
    await inbox.close()

    assert (inbox.has_room, given_up) == (True, [1])


async def test_comings_are_dropped_and_counted_when_too_many_wait(store, monkeypatch):
    monkeypatch.setattr("drover.app.live.presence.MOST_WAITING", 1)
    book = PresenceBook(store, Reports())

    for number in range(3):
        book.came(
            Connection(
                application_id="a" * 24,
                device_id="d" * 24,
                server="s",
                number=number,
                address="",
                began_ms=0,
            )
        )

    assert book.dropped == 2


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no",
        b"[1]",
        b'{"data": []}',
        b"[" * 100_000,
        b"\xff",
    ],
)
async def test_what_is_no_report_is_counted_and_done_with(inbox, store, payload):
    done = []
    store.back.set()
    inbox.put(said(payload, lambda: done.append(1)))
    inbox.start()
    await inbox.close()

    assert (done, inbox.unreadable) == ([1], 1)


@pytest.mark.parametrize("time", ["[1]", "null", "true", '{"$date": [1]}', '{"at": 1}'])
def test_a_report_of_a_moment_that_cannot_be_read_is_one_all_the_same(time):
    payload = b'{"data": {"a": 1}, "time": %b, "flowVersion": 5}' % time.encode()

    (report,), whole = reports_in(said(payload))

    assert (report.data, whole) == ({"a": 1}, True)


async def test_of_many_messages_that_are_no_reports_one_is_logged(inbox, store):
    store.back.set()
    for _ in range(1000):
        inbox.put(said(b"no"))
    inbox.start()
    with capture_logs() as logs:
        await inbox.close()

    assert inbox.unreadable == 1000
    assert [each["event"] for each in logs] == ["live.unreadable"]


def test_reports_come_alone_or_several_together():
    one, two = said(b' {"data": {"a": 1}, "x": 1}'), said(b' [{"data": {}}, {"data": {"b": 2}}]')

    assert [[each.data for each in reports_in(some).reports] for some in (one, two)] == [
        [{"a": 1}],
        [{}, {"b": 2}],
    ]


@pytest.mark.parametrize(
    "other", [b"{}", b"1", b'{"data": 5}', b"null", b'{"data": {"b": "\xff"}}']
)
def test_a_report_counts_whatever_comes_together_with_it(other):
    payload = b'[{"data": {"a": 1}}, %b, {"data": {"a": 2}}]' % other

    reports, whole = reports_in(said(payload))

    assert ([each.data for each in reports], whole) == ([{"a": 1}, {"a": 2}], False)


def test_all_reports_that_a_message_holds_are_taken():
    payload = b"[%b]" % b",".join(b'{"data": {"a": %d}}' % number for number in range(5000))

    reports, whole = reports_in(said(payload))

    assert ([each.data["a"] for each in reports], whole) == ([*range(5000)], True)
