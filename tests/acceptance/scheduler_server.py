"""Some schedulers in a process of their own, for tests that kill it: run with a store's place."""

from __future__ import annotations

import asyncio
import sys

from drover.engine.scheduler import Scheduler
from drover.engine.timing import Timing
from drover.store.session import SqlStore
from tests.acceptance.engine_server import database_of


async def go_on(scheduler):
    while True:
        rest_s = await scheduler.tick()
        await asyncio.sleep(0.05 if rest_s is None else min(rest_s, 0.05))


async def serve(place):
    database = database_of(place)
    await database.open()
    store = SqlStore(database)
    print("ready", flush=True)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(go_on(Scheduler(store, Timing())))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
