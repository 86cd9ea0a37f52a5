"""Messages of the broker in pieces of any size come out whole, in order, each at its place."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drover.mqtt.tap import Tap


class Client:
    """The broker's client, as far as its parser speaks to it."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def _process_msg(self, sid, subject, reply, payload, headers) -> None:
        self.got.append((sid, subject, reply, payload, headers))

    async def _process_ping(self) -> None:
        self.got.append("ping")


words = st.binary(min_size=1, max_size=8).map(lambda raw: raw.hex().encode())
payloads = st.binary(max_size=40)
# Headers begin like this always; the client's own parser takes mere digits for a length.
headings = st.one_of(st.just(b""), words.map(lambda word: b"NATS/1.0\r\nWord: %b\r\n\r\n" % word))


@st.composite
def operations(draw) -> tuple[bytes, Any]:
    """An operation of the broker, and what is to come of it."""
    kind = draw(st.sampled_from(["ours", "others", "ping"]))
    if kind == "ping":
        return b"PING\r\n", "ping"
    sid = 7 if kind == "ours" else 8
    subject, payload = draw(words), draw(payloads)
    reply, headers = draw(st.one_of(st.just(b""), words)), draw(headings)
    line = [b"HMSG" if headers else b"MSG", subject, b"%d" % sid]
    line += [reply] if reply else []
    line += [b"%d" % len(headers)] if headers else []
    line += [b"%d" % (len(headers) + len(payload))]
    text = b" ".join(line) + b"\r\n" + headers + payload + b"\r\n"
    if kind == "ours":
        return text, ("ours", subject, reply, headers, payload)
    return text, (8, subject, reply, payload, headers or None)


@given(st.lists(operations(), max_size=12), st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_what_comes_in_pieces_is_put_together(wanted, sizes):
    client = Client()

    def take(subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> None:
        client.got.append(("ours", subject, reply, headers, payload))

    tap = Tap(client, {7: take})
    data = b"".join(text for text, _ in wanted)

    async def feed() -> None:
        start, turn = 0, 0
        while start < len(data):
            size = sizes[turn % len(sizes)]
            await tap.parse(data[start : start + size])
            start, turn = start + size, turn + 1

    asyncio.run(feed())

    assert client.got == [come for _, come in wanted]


def test_a_new_connection_begins_without_what_was_cut_off():
    client = Client()
    tap = Tap(client, {7: lambda *_given: None})

    asyncio.run(tap.parse(b"MSG a 7 r 10\r\nhalf"))
    tap.reset()
    asyncio.run(tap.parse(b"PING\r\n"))

    assert client.got == ["ping"]


def test_a_message_that_cannot_be_taken_does_not_end_the_reading_of_all_others():
    client = Client()

    def take(_subject: bytes, _reply: bytes, _headers: bytes, payload: bytes) -> None:
        client.got.append(int(payload))

    tap = Tap(client, {7: take})

    asyncio.run(tap.parse(b"MSG a 7 1\r\n1\r\nMSG a 7 1\r\nx\r\nMSG a 7 1\r\n3\r\nPING\r\n"))

    assert client.got == [1, 3, "ping"]
