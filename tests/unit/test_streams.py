"""Readers of live messages: what they share, what they miss, and when they are cut off."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from drover.app.live import streams, watching
from drover.app.live.streams import Reading
from drover.app.live.watching import Messages, Watching
from drover.model.errors import Missing, TooMany, Unavailable
from drover.ports.bus import Message

APPLICATION = "a" * 24


class Bus:
    """A bus that says what is told, and counts who listens."""

    ready = True

    def __init__(self):
        self.sinks = []
        self.began = 0
        self.failing = False

    async def subscribe(self, _application_id, _topic_filter, sink):
        await asyncio.sleep(0)
        if self.failing:
            raise Unavailable("away")
        self.began += 1
        self.sinks.append(sink)

        async def leave():
            self.sinks.remove(sink)

        return leave

    def tell(self, *payloads):
        for payload in payloads:
            for sink in self.sinks:
                sink(Message(APPLICATION, "t", payload))


class Ids:
    """Ids that count."""

    def __init__(self):
        self.last = 0

    def new(self):
        self.last += 1
        return f"w{self.last}"


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def watched(bus):
    return Watching(None, bus, Ids())


def reading(
    last_id="", shown=lambda number, message: b"%b=%b " % (number.encode(), message.payload)
):
    return Reading("plain", shown, 60.0, last_id)


async def test_readers_of_one_topic_share_the_listening_and_each_message_is_shown_once(
    bus, watched
):
    shown = []

    def show(number, message):
        shown.append(number)
        return message.payload

    first, second = await asyncio.gather(
        *(watched.topic(APPLICATION, "t", reading(shown=show)) for _ in range(2))
    )
    bus.tell(b"1", b"2")

    assert [await anext(first), await anext(second)] == [b"12", b"12"]
    assert (bus.began, len(shown), watched.streams) == (1, 2, 2)


class Flows:
    """A store that has one workflow."""

    resources: Flows

    def __init__(self):
        self.resources = self

    async def read(self, work):
        return await work(self)

    async def get_bytes(self, _kind, _application_id, flow_id):
        if flow_id != "f":
            raise Missing("Workflow was not found")
        return b"{}"


def said(flow_id="f", level="info", node="n", version="develop"):
    note = {"flowVersion": version, "nodeId": node, "level": level}
    return msgspec.json.encode((flow_id, note))


@pytest.mark.parametrize(
    ("wanted", "levels"),
    [
        (Messages(), ["verbose", "info", "error", "warn"]),
        (Messages("info"), ["info", "error", "warn"]),
        (Messages(node_id="n"), ["verbose", "info", "warn"]),
        (Messages(version="v1"), ["warn"]),
    ],
)
async def test_of_a_workflows_messages_those_asked_for_are_shown(bus, wanted, levels):
    watched = Watching(Flows(), bus, Ids())
    stream = await watched.debug(APPLICATION, "f", wanted, reading(shown=lambda _, m: m.payload))

    bus.tell(said(level="verbose"), said("other"), said(), said(level="error", node="m"))
    bus.tell(said(level="warn", version="v1"))

    shown = (await anext(stream)).replace(b"}{", b"}\n{").splitlines()
    assert [msgspec.json.decode(each)["level"] for each in shown] == levels


async def test_messages_of_a_workflow_that_is_not_there_cannot_be_watched(bus):
    with pytest.raises(Missing):
        await Watching(Flows(), bus, Ids()).debug(APPLICATION, "g", Messages(), reading())


async def test_a_reader_that_comes_back_gets_what_came_since(bus, watched):
    first = await watched.topic(APPLICATION, "t", reading())
    bus.tell(b"a", b"b")
    await first.aclose()
    bus.tell(b"c")

    again = await watched.topic(APPLICATION, "t", reading("w1-1"))
    bus.tell(b"d")

    assert await anext(again) == b"w1-2=b w1-3=c w1-4=d "


@pytest.mark.parametrize("last_id", ["", "other-1", "w1-", "w1-x", "w1-\u00b2", "nothing"])
async def test_one_that_names_no_message_that_is_known_gets_what_comes_from_now_on(
    bus, watched, last_id
):
    await watched.topic(APPLICATION, "t", reading())
    bus.tell(b"a")

    late = await watched.topic(APPLICATION, "t", reading(last_id))
    bus.tell(b"b")

    assert await anext(late) == b"w1-2=b "


async def test_only_so_much_is_kept_for_those_who_come_back(bus, watched, monkeypatch):
    monkeypatch.setattr(streams, "MOST_KEPT", 2)
    await watched.topic(APPLICATION, "t", reading())
    bus.tell(b"a", b"b", b"c")

    again = await watched.topic(APPLICATION, "t", reading("w1-0"))

    assert await anext(again) == b"w1-2=b w1-3=c "


@pytest.mark.parametrize(("limit", "most"), [("MOST_UNREAD", 3), ("MOST_UNREAD_BYTES", 30)])
async def test_one_that_never_reads_is_cut_off_and_the_others_get_all(
    bus, watched, monkeypatch, limit, most
):
    monkeypatch.setattr(streams, limit, most)
    asleep = await watched.topic(APPLICATION, "t", reading())
    awake = await watched.topic(APPLICATION, "t", reading())
    got = b""

    for number in range(6):
        bus.tell(b"%d" % number)
        got += await anext(awake)

    assert (watched.cut, watched.streams) == (1, 1)
    with pytest.raises(StopAsyncIteration):
        await anext(asleep)
    await asleep.aclose()
    assert got == b"".join(b"w1-%d=%d " % (n + 1, n) for n in range(6))
    assert (watched.cut, watched.streams) == (1, 1)


async def test_listening_ends_some_time_after_the_last_reader_left(bus, watched, monkeypatch):
    monkeypatch.setattr(watching, "LINGER_S", 0)
    stream = await watched.topic(APPLICATION, "t", reading())

    await stream.aclose()
    await stream.aclose()
    while bus.sinks:
        await asyncio.sleep(0)

    again = await watched.topic(APPLICATION, "t", reading("w1-1"))
    bus.tell(b"a")
    assert await anext(again) == b"w2-1=a "


async def test_no_more_is_kept_for_nobody_than_may_be(bus, watched, monkeypatch):
    monkeypatch.setattr(watching, "MOST_LINGERING", 1)
    for topic in ("a", "b"):
        stream = await watched.topic(APPLICATION, topic, reading())
        await stream.aclose()

    while len(bus.sinks) > 1:
        await asyncio.sleep(0)

    assert bus.began == 2


async def test_a_stream_that_cannot_listen_leaves_nothing_behind(bus, watched):
    bus.failing = True
    with pytest.raises(Unavailable):
        await watched.topic(APPLICATION, "t", reading())
    assert watched.streams == 0

    bus.failing = False
    stream = await watched.topic(APPLICATION, "t", reading())
    bus.tell(b"a")
    assert (await anext(stream)).endswith(b"=a ")


async def test_more_streams_than_may_be_open_are_refused(watched, monkeypatch):
    monkeypatch.setattr(watching, "MOST_WATCHING", 1)
    await watched.topic(APPLICATION, "t", reading())

    with pytest.raises(TooMany):
        await watched.topic(APPLICATION, "u", reading())


async def test_a_server_that_stops_ends_streams_after_what_is_unread(bus, watched):
    stream = await watched.topic(APPLICATION, "t", reading())
    bus.tell(b"a")
    watched.stop()
    late = await watched.topic(APPLICATION, "t", reading())

    assert [part async for part in stream] == [b"w1-1=a "]
    assert [part async for part in late] == []


async def test_silence_is_told(watched):
    stream = await watched.topic(APPLICATION, "t", reading()._replace(idle_s=0.001))

    assert await anext(stream) is None
