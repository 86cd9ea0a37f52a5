"""What a query of the inventory matches in a store is what it matches in memory."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from drover.ports.inventory import Order, Reach, Wanted
from drover.query.digi import parse
from drover.query.digi.fields import FIELDS
from drover.query.evaluate import predicate
from drover.query.tree import ALL
from drover.store.inventory import area, walk
from tests.support.inventory_world import NOW, World, found_query, query

QUERIES = 600
JOBS = 40
SEED = 20_261_122
OF_OUR_OWN = (" in (", "context.", "result.", "submit_time <", "end_time >", "status = 'picked_up'")
"""What our language has beyond Digi's: some query has each."""


async def test_stores_and_memory_agree_on_random_queries(database):
    world = await World(database).fill(random.Random(SEED), 14, JOBS)
    chance = random.Random(SEED + 1)
    differing, asked = {}, []

    for _ in range(QUERIES):
        text = query(chance)
        asked.append(text)
        node = parse(text, NOW)
        test = predicate(node)
        expected = [
            n for n, pairs in sorted(world.pairs.items(), reverse=True) if any(map(test, pairs))
        ]
        wanted = Wanted(Reach(), node, limit=JOBS)
        found = await world.server.store.read(lambda session, w=wanted: session.inventory.page(w))
        if [job.id for job in found.jobs] != expected:
            differing[text] = ([job.id for job in found.jobs], expected)

    await world.server.close()
    assert QUERIES * JOBS >= 20_000
    assert [part for part in OF_OUR_OWN if not any(part in text for text in asked)] == []
    assert differing == {}


@pytest.mark.parametrize(("most_devices", "sought"), [(2, 0), (5000, 0), (5000, 5000)])
async def test_a_walk_that_begins_at_devices_finds_the_same(
    database, monkeypatch, most_devices, sought
):
    monkeypatch.setattr(area, "MOST_DEVICES", most_devices)
    monkeypatch.setattr(walk, "SOUGHT", dict.fromkeys(walk.SOUGHT, sought))
    monkeypatch.setattr(walk, "NEWEST", 7)
    monkeypatch.setattr(walk, "SAMPLE", 2)
    monkeypatch.setattr(walk, "FIRST_SPAN", 30)
    monkeypatch.setattr(walk, "ITEMS_EACH", 1)
    world = await World(database).fill(random.Random(SEED + 2), 14, JOBS)
    chance = random.Random(SEED + 3)
    differing = {}

    for _ in range(100):
        text = found_query(chance)
        test = predicate(parse(text, NOW))
        expected = [
            n for n, pairs in sorted(world.pairs.items(), reverse=True) if any(map(test, pairs))
        ]
        found = await _pages(world, Wanted(Reach(), parse(text, NOW), limit=3))
        count = await _count(world, parse(text, NOW))
        if (found, count) != (expected, len(expected)):
            differing[text] = (found, count, expected)

    await world.server.close()
    assert differing == {}


async def test_pages_of_every_order_hold_each_job_once(database):
    world = await World(database).fill(random.Random(SEED), 6, 12)
    wrong = {}

    for field in FIELDS:
        for descending in (True, False):
            wanted = Wanted(Reach(), ALL, Order(field, descending), limit=5)
            whole = await _pages(world, replace(wanted, limit=100))
            parts = await _pages(world, wanted)
            if parts != whole or sorted(parts) != sorted(world.pairs):
                wrong[field, descending] = (parts, whole)

    await world.server.close()
    assert wrong == {}


async def _pages(world, wanted):
    numbers = []
    while True:
        found = await world.server.store.read(lambda session, w=wanted: session.inventory.page(w))
        numbers += [job.id for job in found.jobs]
        if len(found.jobs) < wanted.limit:
            return numbers
        wanted = replace(wanted, after=found.places[-1])


async def _count(world, node):
    return await world.server.store.read(lambda session: session.inventory.count(Reach(), node))
