"""A simulated fleet: devices that connect, report, and answer commands."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.mqtt.device import ConnectionEnded, ConnectionRefused, DeviceClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

CONNECT_AT_ONCE: Final = 50
REST_S: Final = 1.0
"""How long a device waits before it connects again."""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What the devices do.

    Each reports ``state`` every ``report_s`` (0: never), and answers a command after ``delay_s`` on
    ``reply_topic`` with its id; a ``failing`` share of them answers that it did not work, a
    ``silent`` share not at all.
    """

    report_s: float = 0.0
    delay_s: float = 0.5
    failing: float = 0.0
    silent: float = 0.0
    reply_topic: str = "jobs/replies/{device}"


class _Command(msgspec.Struct):
    """What a device is told; the rest is passed over."""

    payload: Any = None


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    connected: int = 0
    came: int = 0
    reported: int = 0
    commanded: int = 0
    answered: int = 0
    """Replies that the broker has acknowledged."""
    refused: int = 0
    """Devices that are refused now, though others were let in: these were deleted, or the key."""
    failure: str = ""
    """Why a device could not connect last."""


class Fleet:
    """Devices of one application that share an access key; with ``tls`` they connect by that."""

    def __init__(
        self,
        address: tuple[str, int],
        key: tuple[str, str],
        habits: Habits,
        tls: SSLContext | None = None,
    ) -> None:
        self._address = address
        self._tls = tls
        self._key = key
        self._habits = habits
        self._gate = asyncio.Semaphore(CONNECT_AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    async def run(self, device_ids: Sequence[str]) -> None:
        """Let the devices live until this is cancelled, or all of them are refused.

        Raises ConnectionRefused where one is refused before any was let in.
        """
        async with asyncio.TaskGroup() as group:
            for device_id in device_ids:
                group.create_task(self._live(device_id))

    async def _live(self, device_id: str) -> None:
        """Be connected, and again whenever the connection is lost."""
        while True:
            try:
                async with self._gate:
                    client = await self._connected(device_id)
            except (OSError, ConnectionEnded) as error:
                self.tally.failure = str(error)
                await asyncio.sleep(REST_S)
                continue
            except ConnectionRefused:
                if not self.tally.came:
                    raise
                self.tally.refused += 1
                return
            self.tally.connected += 1
            self.tally.came += 1
            try:
                await self._report(device_id, client)
            finally:
                self.tally.connected -= 1
                client.abort()

    async def _connected(self, device_id: str) -> DeviceClient:
        heard: Callable[[str, bytes], None] = lambda _topic, payload: self._told(  # noqa: E731
            device_id, client, payload
        )
        client = await DeviceClient.connect(self._address, device_id, self._key, heard, self._tls)
        await client.subscribe(f"losant/{device_id}/command")
        return client

    async def _report(self, device_id: str, client: DeviceClient) -> None:
        """Report now and then until the connection ends."""
        every_s = self._habits.report_s
        while not client.ended.done():
            if every_s:
                level = round(random.uniform(0, 100), 1)  # noqa: S311 - any value will do
                body = msgspec.json.encode({"data": {"level": level}})
                await client.publish(f"losant/{device_id}/state", body, qos=0)
                self.tally.reported += 1
            await asyncio.wait([client.ended], timeout=every_s or None)

    def _told(self, device_id: str, client: DeviceClient, payload: bytes) -> None:
        self.tally.commanded += 1
        if random.random() < self._habits.silent:  # noqa: S311 - which ones does not matter
            return
        task = asyncio.create_task(self._answer(device_id, client, payload))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, device_id: str, client: DeviceClient, payload: bytes) -> None:
        await asyncio.sleep(self._habits.delay_s)
        ok = random.random() >= self._habits.failing  # noqa: S311 - which ones does not matter
        reply = {**_payload_in(payload), "ok": ok, "note": "done" if ok else "it did not work"}
        topic = self._habits.reply_topic.format(device=device_id)
        with suppress(ConnectionEnded):
            await client.publish(topic, msgspec.json.encode(reply))
            self.tally.answered += 1


def _payload_in(command: bytes) -> dict[str, Any]:
    """Return the payload of a command, empty where there is none; gateways write what they like."""
    try:
        told = msgspec.json.decode(command, type=_Command)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return told.payload if isinstance(told.payload, dict) else {}
