"""A device's side of MQTT 3.1.1, light enough for tens of thousands of them in one process.

For simulated devices, and to measure with. Only what these need; source: OASIS MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ssl import SSLContext

    Heard = Callable[[str, bytes], None]
    """Is given the topic and the payload of each message."""

KEEP_ALIVE_S: Final = 60

REFUSED_FILTER: Final = 0x80
"""The answer to a subscription that is not granted."""
BAD_CREDENTIALS: Final = (4, 5)
"""The codes with which wrong credentials are refused."""

_CONNACK: Final = 2
_PUBLISH: Final = 3
_PUBACK: Final = 4
_SUBACK: Final = 9
_CLEAN: Final = 2
_USER_AND_PASSWORD: Final = 0xC0
_LONGEST_LENGTH: Final = 4


class ConnectionRefused(Exception):
    """The server does not let the device in; ``code`` is the one of MQTT."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with code {code}")
        self.code = code


class ConnectionEnded(Exception):
    """The connection is over."""


class Malformed(Exception):
    """Bytes that are no MQTT."""


class Publish(NamedTuple):
    """A message; ``number`` is its packet identifier, 0 at QoS 0."""

    topic: str
    payload: bytes
    number: int


class Packets:
    """Cuts packets from what arrives."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the first byte and the body of each packet that is whole now. Raises Malformed."""
        data = self._rest + data if self._rest else data
        start, end = 0, len(data)
        while end - start > 1:
            length, body = data[start + 1], start + 2
            if length & 0x80:
                found = self._length(data, start)
                if found is None:
                    break
                length, body = found
            if end - body < length:
                break
            yield data[start], data[body : body + length]
            start = body + length
        self._rest = data[start:]

    def _length(self, data: bytes, start: int) -> tuple[int, int] | None:
        """Return the length of a long packet and where its body begins, None if it is not there."""
        length = 0
        for index in range(_LONGEST_LENGTH):
            at = start + 1 + index
            if at == len(data):
                return None
            length |= (data[at] & 0x7F) << (7 * index)
            if not data[at] & 0x80:
                return length, at + 1
        raise Malformed("length without end")  # [2.2.3]


def read_publish(first: int, body: bytes) -> Publish:
    """Return a message; raises Malformed."""
    start = 2 + int.from_bytes(body[:2], "big")
    end = start + 2 if first & 6 else start
    if len(body) < end:
        raise Malformed("PUBLISH is cut short")
    number = int.from_bytes(body[start:end], "big")
    return Publish(body[2:start].decode(errors="replace"), body[end:], number)


def publish(topic: str, payload: bytes, number: int = 0) -> bytes:
    """Return a message: at QoS 1 with a packet identifier, at QoS 0 without."""
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name
    if number:
        head += number.to_bytes(2, "big")
    return framed(0x32 if number else 0x30, head + payload)


def framed(first: int, body: bytes) -> bytes:
    """Return a packet of a first byte and a body."""
    return bytes((first,)) + _length(len(body)) + body


def _length(length: int) -> bytes:
    found = bytearray()
    while length > 0x7F:  # noqa: PLR2004 - seven bits of a byte
        found.append(length & 0x7F | 0x80)
        length >>= 7
    found.append(length)
    return bytes(found)


class DeviceClient(asyncio.Protocol):
    """One connected device."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._packets = Packets()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._number = 0
        self._answers: dict[int, asyncio.Future[bytes]] = {}
        self._welcome: asyncio.Future[int] = self._loop.create_future()
        self._pinging: asyncio.TimerHandle | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when the connection is over."""

    @classmethod
    async def connect(
        cls,
        address: tuple[str, int],
        device_id: str,
        key: tuple[str, str],
        heard: Heard = lambda _topic, _payload: None,
        tls: SSLContext | None = None,
    ) -> DeviceClient:
        """Connect with an access key and its secret; raises ConnectionRefused, OSError."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(heard), *address, ssl=tls)
        await client.introduce(device_id, *key)
        return client

    async def introduce(self, device_id: str, key: str, secret: str) -> None:
        """Say who this is; raises ConnectionRefused, ConnectionEnded."""
        self.send(connect_packet(device_id, key, secret))
        code = await self._welcome
        if code != 0:
            self.abort()
            raise ConnectionRefused(code)
        self._ping()

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish, and at QoS 1 wait until the server has it; raises ConnectionEnded."""
        if not qos:
            self.send(publish(topic, payload))
            return
        number, answer = self._asking()
        self.send(publish(topic, payload, number))
        await answer

    async def subscribe(self, topic_filter: str, qos: int = 0) -> int:
        """Listen and return the QoS granted, or ``REFUSED_FILTER``."""
        number, answer = self._asking()
        name = topic_filter.encode()
        body = number.to_bytes(2, "big") + len(name).to_bytes(2, "big") + name + bytes((qos,))
        self.send(framed(0x82, body))
        return (await answer)[2]

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._transport.write(data)

    def close(self) -> None:
        """Say goodbye and end."""
        self.send(b"\xe0\x00")
        self._transport.close()

    def abort(self) -> None:
        """End without a word."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever waits."""
        if self._pinging is not None:
            self._pinging.cancel()
        waiting: list[asyncio.Future[Any]] = [*self._answers.values(), self._welcome]
        for each in waiting:
            if not each.done():
                each.set_exception(ConnectionEnded("the connection is over"))
        if not self.ended.done():
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take what the server sends."""
        for first, body in self._packets.feed(data):
            kind = first >> 4
            if kind == _PUBLISH:
                self._told(first, body)
            elif kind == _CONNACK and not self._welcome.done():
                self._welcome.set_result(body[1])
            elif kind in (_PUBACK, _SUBACK):
                answer = self._answers.pop(body[0] << 8 | body[1], None)
                if answer is not None and not answer.done():
                    answer.set_result(body)

    def _told(self, first: int, body: bytes) -> None:
        message = read_publish(first, body)
        if message.number:
            self.send(framed(0x40, message.number.to_bytes(2, "big")))
        self._heard(message.topic, message.payload)

    def _asking(self) -> tuple[int, asyncio.Future[bytes]]:
        self._number = self._number % 0xFFFF + 1
        answer: asyncio.Future[bytes] = self._loop.create_future()
        if self.ended.done():
            answer.set_exception(ConnectionEnded("the connection is over"))
        self._answers[self._number] = answer
        return self._number, answer

    def _ping(self) -> None:
        if self._pinging is not None:
            self.send(b"\xc0\x00")
        self._pinging = self._loop.call_later(KEEP_ALIVE_S, self._ping)


def connect_packet(device_id: str, key: str, secret: str) -> bytes:
    """Return the packet with which a device introduces itself, for a clean session."""
    parts = [text.encode() for text in (device_id, key, secret)]
    flags = _CLEAN | _USER_AND_PASSWORD
    head = b"\x00\x04MQTT\x04" + bytes((flags,)) + KEEP_ALIVE_S.to_bytes(2, "big")
    return framed(0x10, head + b"".join(len(p).to_bytes(2, "big") + p for p in parts))
