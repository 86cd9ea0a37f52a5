"""A field of devices that cost little: raw MQTT frames, and no more read than is needed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from drover.mqtt.device import connect_packet, framed, publish

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW: Final = 50
"""Messages of a device that are sent together, and acknowledged before the next ones."""

CONNECT_AT_ONCE: Final = 100
PUBACK_BYTES: Final = 4
CONNACK_BYTES: Final = 4


class Devices:
    """Devices of one application that share an access key."""

    def __init__(self, address: tuple[str, int], key: tuple[str, str]) -> None:
        self._address = address
        self._key = key
        self._devices: dict[str, _Device] = {}

    async def connect(self, ids: Sequence[str]) -> float:
        """Connect devices and return how long it took in seconds."""
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)
        loop = asyncio.get_running_loop()

        async def one(device_id: str) -> None:
            async with gate:
                device = _Device(device_id, self._key)
                await loop.create_connection(lambda: device, *self._address)
                await device.welcome
                self._devices[device_id] = device

        began = time.perf_counter()
        await asyncio.gather(*(one(each) for each in ids))
        return time.perf_counter() - began

    async def report(self, messages: int) -> tuple[float, float]:
        """Have each device report at QoS 1; return when it began and ended, by ``time.time``."""
        began = time.time()
        first_ms = int(began * 1000) - messages
        await asyncio.gather(
            *(device.report(messages, first_ms) for device in self._devices.values())
        )
        return began, time.time()

    async def answer_commands(self, reply_topic: str) -> None:
        """Have each device answer each command at once."""
        for device in self._devices.values():
            device.answer(reply_topic)
        await asyncio.gather(*(device.granted for device in self._devices.values()))

    async def speak(self, topic: str, count: int, each_second: float) -> None:
        """Have one device publish moments on a topic, evenly spread."""
        device = next(iter(self._devices.values()))
        began = time.perf_counter()
        for number in range(count):
            rest_s = began + number / each_second - time.perf_counter()
            if rest_s > 0:
                await asyncio.sleep(rest_s)
            device.send(publish(topic, b"%f" % time.time()))

    async def connected(self) -> int:
        """Return how many have not been cut off."""
        return sum(device.is_connected for device in self._devices.values())

    async def close(self) -> None:
        """End all connections."""
        for device in self._devices.values():
            device.close()
        self._devices.clear()


class _Device(asyncio.Protocol):
    """One connection; it reads no more of what it is sent than it needs."""

    def __init__(self, device_id: str, key: tuple[str, str]) -> None:
        loop = asyncio.get_running_loop()
        self._id = device_id
        self._key = key
        self._transport: asyncio.Transport
        self._loop = loop
        self._unacknowledged_bytes = 0
        self._acknowledged: asyncio.Future[None] | None = None
        self._reply_topic = ""
        self._rest = b""
        self.welcome: asyncio.Future[None] = loop.create_future()
        self.granted: asyncio.Future[None] = loop.create_future()
        self._take = self._take_welcome

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who this is."""
        self._transport = cast("asyncio.Transport", transport)
        self.send(connect_packet(self._id, *self._key))

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail whoever waits."""
        for each in (self.welcome, self.granted, self._acknowledged):
            if each is not None and not each.done():
                each.set_exception(ConnectionError("the connection is over"))

    @property
    def is_connected(self) -> bool:
        """Whether nobody has ended the connection."""
        return not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Take what comes."""
        self._take(data)

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._transport.write(data)

    def close(self) -> None:
        """End without a word."""
        self._transport.abort()

    async def report(self, messages: int, first_ms: int) -> None:
        """Report at QoS 1, a window at a time."""
        self._take = self._take_acknowledgements
        topic = f"losant/{self._id}/state"
        for start in range(0, messages, WINDOW):
            numbers = range(start, min(start + WINDOW, messages))
            self._unacknowledged_bytes = len(numbers) * PUBACK_BYTES
            self._acknowledged = self._loop.create_future()
            self.send(
                b"".join(
                    publish(
                        topic, b'{"data":{"level":%d},"time":%d}' % (n + 1, first_ms + n), n + 1
                    )
                    for n in numbers
                )
            )
            await self._acknowledged

    def answer(self, reply_topic: str) -> None:
        """Listen for commands and answer each of them."""
        self._reply_topic = reply_topic.replace("{device}", self._id)
        self._take = self._take_commands
        name = f"losant/{self._id}/command".encode()
        self.send(framed(0x82, b"\x00\x01" + len(name).to_bytes(2, "big") + name + b"\x00"))

    def _take_welcome(self, data: bytes) -> None:
        if self.welcome.done():
            return
        if len(data) >= CONNACK_BYTES and data[3] == 0:
            self.welcome.set_result(None)
        else:
            self.welcome.set_exception(ConnectionError(f"refused: {data!r}"))

    def _take_acknowledgements(self, data: bytes) -> None:
        """Count bytes: nothing but acknowledgements comes."""
        self._unacknowledged_bytes -= len(data)
        if self._unacknowledged_bytes == 0 and self._acknowledged is not None:
            self._acknowledged.set_result(None)

    def _take_commands(self, data: bytes) -> None:
        """Take the grant of the subscription, then commands, each of which fits a short packet."""
        data = self._rest + data
        while len(data) > 1:
            length, start = data[1], 2
            if length & 0x80:
                length, start = (length & 0x7F) | (data[2] << 7), 3
            if len(data) < start + length:
                break
            if data[0] >> 4 == 3:
                self._told(data[start : start + length])
            elif not self.granted.done():
                self.granted.set_result(None)
            data = data[start + length :]
        self._rest = data

    def _told(self, body: bytes) -> None:
        payload = body[2 + int.from_bytes(body[:2], "big") :]
        command: Any = msgspec.json.decode(payload)
        reply = {**(command.get("payload") or {}), "ok": True}
        self.send(publish(self._reply_topic, msgspec.json.encode(reply)))
