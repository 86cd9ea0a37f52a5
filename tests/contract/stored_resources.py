"""What the tests of stored resources share: two applications, and resources of any kind in them."""

from __future__ import annotations

import itertools

import msgspec

from drover.model.kind import Stamp

PLANT, OTHER = "a" * 24, "b" * 24
NOW = 1_700_000_000_000
_numbers = itertools.count(1)


def build(kind, application_id=PLANT, within=None, ms=NOW, **body):
    """Return a resource that is not stored yet."""
    stamp = Stamp(f"{next(_numbers):024x}", application_id, ms)
    return kind.create(msgspec.json.encode(body), stamp, within)


async def add(store, kind, application_id=PLANT, within=None, ms=NOW, **body):
    """Store a resource and return it."""
    made = build(kind, application_id, within, ms, **body)
    await store.write(lambda session: session.resources.add(kind, made))
    return made
