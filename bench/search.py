"""Searching among a million names, and what keeping the names costs a write."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

import msgspec

from bench.figures import Figure
from bench.servers import STORES, opened
from drover.kinds.device import KIND
from drover.model.kind import Stamp
from drover.store.session import SqlStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.kinds.device import Device
    from drover.store.driver import Database

NAMES: Final = 1_000_000
BATCH: Final = 5000
SEARCHES: Final = 200
PLANT: Final = "a" * 24
WORDS: Final = ("pump", "valve", "boiler", "fan", "meter", "gate", "chiller", "sensor", "motor")
PLACES: Final = ("Berlin", "Oslo", "Lyon", "Porto", "Kraków", "Malmö", "Graz", "Turin", "Gent")


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the time of a search, and the share of an insert that keeping its name takes."""
    names = NAMES // 10 if quick else NAMES
    for store in STORES:
        yield from asyncio.run(_measured(store, names))


async def _measured(name: str, names: int) -> list[Figure]:
    async with opened(name) as database:
        store = SqlStore(database)
        await _fill(store, 0, names)
        seconds = sorted([await _timed(store, text) for text in _texts(names)])
        p95_ms = seconds[int(len(seconds) * 0.95)] * 1000
        cost = await _cost(database, store, names)
    return [
        Figure(f"{name}: search among {names:,} names, p95", p95_ms, "ms", "<= 20"),
        Figure(f"{name}: an insert costs more for its name", cost * 100, "%"),
    ]


def devices(first: int, count: int) -> Sequence[Device]:
    """Return devices whose names are a place, a word and a number."""
    made = []
    for number in range(first, first + count):
        name = f"{PLACES[number % 9]} {WORDS[number // 9 % 9]} {number:07}"
        stamp = Stamp(f"{number:024x}", PLANT, 1_767_225_600_000)
        made.append(KIND.create(msgspec.json.encode({"name": name}), stamp))
    return made


async def _fill(store: SqlStore, first: int, count: int) -> float:
    spent = 0.0
    for start in range(first, first + count, BATCH):
        batch = devices(start, min(BATCH, first + count - start))
        began = time.perf_counter()
        await store.write(lambda session, batch=batch: session.resources.add_many(KIND, batch))
        spent += time.perf_counter() - began
    return spent


def _texts(names: int) -> list[str]:
    chosen = random.Random(7)  # noqa: S311 - the same texts in each run
    made = []
    for _ in range(SEARCHES // 4):
        number = f"{chosen.randrange(names):07}"
        made += [
            number,
            number[2:6],
            f"ö {chosen.choice(WORDS)} 0",
            chosen.choice(PLACES)[:2].lower(),
        ]
    return made


async def _timed(store: SqlStore, text: str) -> float:
    began = time.perf_counter()
    await store.read(lambda session: session.search.find(PLANT, text.lower(), [KIND.one], 100))
    return time.perf_counter() - began


async def _cost(database: Database, store: SqlStore, names: int) -> float:
    """Return how much longer an insert takes than it does where no name is kept."""
    count = max(BATCH, names // 20)
    kept = await _fill(store, names, count)
    await database.write(
        lambda tx: tx.execute_sql("DROP TRIGGER search_device_added" + _ON[tx.dialect])
    )
    bare = await _fill(store, names + count, count)
    return kept / bare - 1


_ON: Final = {"sqlite": "", "postgres": " ON device"}
