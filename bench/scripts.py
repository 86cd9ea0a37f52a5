"""User JavaScript in caged processes: payloads of 1 KB through a small script."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.figures import Figure
from drover.sandbox.pool import CagedScripts, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = """
const names = payload.data.names;
payload.working = { count: names.length, twice: payload.data.value * 2 };
if (payload.working.count > 3) payload.working.ok = true;
"""
RATE = "payloads/s"


def payload(number: int) -> dict[str, Any]:
    """Return a payload of about 1 KB with a Date, as a job's run has it."""
    return {
        "time": datetime(2026, 1, 1, tzinfo=UTC),
        "data": {"value": number, "names": ["abcdefghij" * 3] * 10},
        "globals": {f"key{place}": "v" * 20 for place in range(15)},
    }


async def rate(children: int, calls: int, size: int, owner: str) -> float:
    """Return payloads per second of so many calls of one size, four of them at a time."""
    async with CagedScripts(Limits(children=children)) as scripts:
        work = [payload(number) for number in range(size)]
        waiting = asyncio.Semaphore(4)

        async def call() -> None:
            async with waiting:
                await scripts.run(SCRIPT, work, owner=owner)

        await call()
        began = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(calls)))
        return calls * size / (time.perf_counter() - began)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Measure calls of three sizes, with realms kept for an owner and without."""
    total = 3_000 if quick else 30_000
    cores = os.cpu_count() or 1
    for children, size, owner, goal in (
        (1, 250, "flow", "15,000"),
        (cores, 250, "flow", ""),
        (cores, 250, "", ""),
        (cores, 10, "flow", ""),
        (cores, 1, "flow", ""),
        (cores, 1, "", ""),
    ):
        kept = "its realm kept" if owner else "a realm of its own"
        name = f"script, {size} payloads a call, {kept}, {children} children"
        count = max(1, total // size // (1 if owner else 10))
        yield Figure(name, asyncio.run(rate(children, count, size, owner)), RATE, goal)
