"""Handlers that the benchmarks' workflows call."""

from __future__ import annotations

import asyncio

from drover import handler


@handler("bench.nothing")
def nothing(_payload: object) -> None:
    """Do nothing."""


@handler("bench.wait")
async def wait(_payload: object) -> None:
    """Wait 10 ms, as a call to a device or a service would."""
    await asyncio.sleep(0.01)
