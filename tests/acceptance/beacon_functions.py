"""Functions that tasks of the tests call."""

from __future__ import annotations

import asyncio
import time

from drover import handler


@handler("test.sum")
def total(numbers):
    return {"sum": sum(numbers)}


@handler("test.later")
async def later(value):
    await asyncio.sleep(0.01)
    return value


@handler("test.large")
def large(size):
    return "x" * size


@handler("test.hang")
def hang(seconds):
    time.sleep(seconds)


@handler("test.raise")
def broken(_):
    raise ValueError("not today\x1b[31m")
