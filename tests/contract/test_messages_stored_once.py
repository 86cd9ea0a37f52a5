"""A message that the broker hands over again starts a workflow once, on either store."""

from __future__ import annotations

import asyncio

import pytest

from drover.app.live import places as module
from drover.app.live.inbox import Inbox, SaidOn
from drover.app.live.places import KEEP_MS, Places
from drover.ports.bus import Message
from drover.ports.jobs import Place
from drover.store.session import SqlStore

ONE, OTHER = "a" * 24, "b" * 24
FAR_MS = 10_000_000_000_000


class Counter:
    """Counts nothing."""

    def note(self, *_counted):
        """Take note of nothing."""


class Reports:
    """Has nobody to tell."""

    counter = Counter()

    def announce(self, taken):
        """Tell nobody."""


@pytest.fixture
def store(database):
    return SqlStore(database)


def message(place, *filters, application_id=ONE, done=lambda: None):
    """What the stream of an application hands over."""
    said = Message(application_id, "pump/left", b"on")
    return SaidOn(filters or ("pump/+",), said, Place(application_id, place), done)


async def stored(store, *messages):
    """Have a server store messages, one batch."""
    inbox = Inbox(store, Reports())
    for each in messages:
        inbox.put(each)
    inbox.start()
    await inbox.close()


async def started(store):
    """Return for which filters workflows are to be started."""
    leased = await store.write(
        lambda session: session.jobs.firings.lease(100, FAR_MS, FAR_MS + 60_000)
    )
    return [each.firing.key for each in leased]


async def test_a_message_that_comes_again_starts_nothing_again_and_is_done_with(store):
    done = []
    await stored(store, message("7.100"))

    await stored(store, message("7.100", done=lambda: done.append("again")), message("8.100"))

    assert (await started(store), done) == (["pump/+"] * 2, ["again"])


async def test_a_message_that_came_twice_while_the_store_was_away_starts_one_run(store):
    await stored(store, message("7.100"), message("7.100"))

    assert await started(store) == ["pump/+"]


async def test_a_message_starts_what_each_filter_waits_for_and_places_are_an_applications(store):
    await stored(
        store, message("7.100", "pump/+", "pump/#"), message("7.100", application_id=OTHER)
    )

    assert sorted(await started(store)) == ["pump/#", "pump/+", "pump/+"]


async def test_two_servers_that_are_handed_the_same_start_one_run(store):
    both = [message(f"{number}.1") for number in range(50)]

    await asyncio.gather(stored(store, *both), stored(store, *reversed(both)))

    assert len(await started(store)) == 50


class At:
    """A unit of work at a moment of our choice."""

    def __init__(self, session, now_ms):
        self.jobs, self._now_ms = session.jobs, now_ms

    async def now_ms(self):
        return self._now_ms


async def test_places_are_forgotten_by_a_server_that_has_listened_as_long_as_they_are_kept(
    store, monkeypatch
):
    monkeypatch.setattr(module, "AT_A_TIME", 2)
    places, kept = Places(), [Place(ONE, f"{number}.1") for number in range(3)]

    async def new_after(passed_ms, names):
        found = await store.write(
            lambda session: places.new_at(At(session, FAR_MS + passed_ms), names)
        )
        return {each.name for each in found}

    assert await new_after(0, kept) == {"0.1", "1.1", "2.1"}
    assert await new_after(KEEP_MS - 1, []) == set()
    assert await new_after(KEEP_MS - 1, kept) == set()
    assert len(await new_after(KEEP_MS + 1, kept)) == 2
    assert await new_after(KEEP_MS + 2, kept) == set()
