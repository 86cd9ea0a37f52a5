"""Handlers that tests let worker processes import."""

import asyncio
import os
import signal
import time
from pathlib import Path

from drover.handlers import handler


@handler("no-op")
def no_op(_payload):
    return None


@handler("wait")
async def wait(_payload):
    await asyncio.sleep(0.01)


@handler("witness")
async def witness(_payload):
    began = time.monotonic()
    await asyncio.sleep(0.005)
    with Path(os.environ["WITNESS"], str(os.getpid())).open("a") as notes:  # noqa: ASYNC230
        notes.write(f"{began} {time.monotonic()}\n")


@handler("poison")
def poison(payload):
    if payload["data"]["device"]["n"] == 7:
        os.kill(os.getpid(), signal.SIGKILL)


@handler("freeze")
def freeze(payload):
    if payload["data"]["device"]["n"] == 7 and payload["data"].get("attemptNumber", 1) == 1:
        os.kill(os.getpid(), signal.SIGSTOP)


@handler("never-ends")
def never_ends(_payload):
    time.sleep(3600)


@handler("slow")
def slow(_payload):
    time.sleep(0.002)


@handler("brief")
def brief(_payload):
    time.sleep(0.0003)
