"""A worker whose loop is held knows it, and only then."""

from __future__ import annotations

import asyncio

from drover.workers.child import Pulse


def test_a_loop_that_has_not_begun_is_not_held():
    assert Pulse().held_s() < 0


async def test_a_loop_that_takes_turns_is_not_held(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("drover.workers.child.time.monotonic", lambda: now[0])
    pulse = Pulse()
    pulse.take(0)
    now[0] += 7
    held = pulse.held_s()

    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert (held, pulse.held_s()) == (7, 0)
