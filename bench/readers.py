"""Readers of a stream of live messages, who measure how late each message comes."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOMENT: Final = re.compile(rb'"message":"(\d+\.\d+)"')
PATIENCE_S: Final = 60.0


class Readers:
    """Many readers of one path of a server, on plain sockets."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._address = (host, port)
        self._token = token
        self._readers: list[_Reader] = []

    async def open(self, path: str, count: int) -> None:
        """Begin to read."""
        request = (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        for _ in range(count):
            reader = _Reader(request, loop)
            await loop.create_connection(lambda reader=reader: reader, *self._address)
            self._readers.append(reader)
        await asyncio.gather(*(reader.begun for reader in self._readers))

    async def delays(self, messages: int) -> tuple[int, float, float]:
        """Wait until all have read so many messages.

        Return how many were read, and the median and the 99th percentile of delays in ms.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(reader.have(messages) for reader in self._readers))
        return _summary(delay for reader in self._readers for delay in reader.delays_s)


def _summary(delays_s: Iterable[float]) -> tuple[int, float, float]:
    ordered = sorted(delays_s)
    if not ordered:
        return 0, 0.0, 0.0
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return len(ordered), middle * 1000, late * 1000


class _Reader(asyncio.Protocol):
    """One reader."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._request = request
        self._rest = b""
        self.begun: asyncio.Future[None] = loop.create_future()
        self._more = asyncio.Event()
        self.delays_s: list[float] = []

    async def have(self, messages: int) -> None:
        """Wait until so many messages have come."""
        while len(self.delays_s) < messages:
            self._more.clear()
            await self._more.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note how old the messages are that came."""
        now = time.time()
        data = self._rest + data
        if not self.begun.done() and b": watching" in data:
            self.begun.set_result(None)
        end = 0
        for found in _MOMENT.finditer(data):
            self.delays_s.append(now - float(found[1]))
            end = found.end()
        self._rest = data[end:][-200:]
        self._more.set()
