"""A bounded HTTP load on loopback: keep-alive connections that repeat one request."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

OK: Final = b"HTTP/1.1 2"


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to: requests per second and latencies in ms, sorted."""

    per_second: float
    latencies_ms: list[float]

    def percentile(self, share: float) -> float:
        """Return the latency in ms that this share of requests did not exceed."""
        return self.latencies_ms[
            min(int(len(self.latencies_ms) * share), len(self.latencies_ms) - 1)
        ]


async def get(
    url: str, token: str, *, requests: int, connections: int, pause_s: float = 0.0
) -> Load:
    """GET one URL ``requests`` times over ``connections``; raises RuntimeError."""
    message = _message("GET", url, token)
    return await repeat(message, url, requests=requests, connections=connections, pause_s=pause_s)


async def post(url: str, token: str, body: bytes, *, requests: int, connections: int) -> Load:
    """POST the same JSON to one URL again and again; raises RuntimeError."""
    message = _message("POST", url, token, body)
    return await repeat(message, url, requests=requests, connections=connections)


async def repeat(
    message: bytes, url: str, *, requests: int, connections: int, pause_s: float = 0.0
) -> Load:
    """Send one message ``requests`` times over ``connections``; raises RuntimeError."""
    parts = urlsplit(url)
    began = time.perf_counter()
    each = requests // connections
    results = await asyncio.gather(
        *(_repeat(parts.hostname, parts.port, message, each, pause_s) for _ in range(connections))
    )
    seconds = time.perf_counter() - began
    latencies = sorted(latency for result in results for latency in result)
    return Load(len(latencies) / seconds, latencies)


def _message(method: str, url: str, token: str, body: bytes = b"") -> bytes:
    parts = urlsplit(url)
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = (
        f"{method} {parts.path}{parts.query and f'?{parts.query}'} HTTP/1.1\r\n"
        f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n{content}\r\n"
    )
    return head.encode() + body


async def _repeat(
    host: str | None, port: int | None, message: bytes, times: int, pause_s: float
) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    latencies: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(OK):
            raise RuntimeError(head.decode(errors="replace"))
        await reader.readexactly(_length(head))
        latencies.append((time.perf_counter() - began) * 1000)
        if pause_s:
            await asyncio.sleep(pause_s)
    writer.close()
    return latencies


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[start : lower.index(b"\r\n", start)])
