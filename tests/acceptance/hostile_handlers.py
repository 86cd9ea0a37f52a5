"""Handlers that do what an operator's code should not do."""

import asyncio
import os
import sys
import threading
import time

from drover.handlers import handler


@handler("raise")
def raises(_payload):
    raise ValueError("it is broken \ud800")


@handler("raise-nameless")
def raises_what_cannot_be_told(_payload):
    class Untold(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise Untold


@handler("leave")
def leaves(_payload):
    sys.exit(3)


@handler("leave-async")
async def leaves_async(_payload):
    sys.exit(3)


@handler("cancel-async")
async def cancels(_payload):
    raise asyncio.CancelledError


@handler("interrupt")
def interrupts(_payload):
    raise KeyboardInterrupt


@handler("kill")
def kills(_payload):
    os._exit(7)


@handler("unserialisable")
def unserialisable(_payload):
    return {"lock": threading.Lock()}


@handler("surrogate")
def surrogate(_payload):
    return "\ud800"


@handler("not-a-number")
def not_a_number(_payload):
    return float("nan")


@handler("huge-number")
def huge_number(_payload):
    return 10**400


@handler("cycle")
def cycle(_payload):
    found = []
    found.append(found)
    return found


@handler("block")
def blocks(_payload):
    time.sleep(3600)


@handler("spin-async")
async def holds_the_loop(_payload):
    time.sleep(3600)  # noqa: ASYNC251 - what an async function should not do


@handler("allocate")
def allocates(_payload):
    return "x" * 20_000_000


@handler("recurse")
def recurses(payload):
    return recurses(payload)
