"""Batches that come after others in one worker."""

from __future__ import annotations

import asyncio

import pytest

from drover.ports.runner import FlowBatch, NotBegun
from drover.workers.gates import Gates


def batch(lease: str, after: str | None = None, patience_ms: int = 10_000) -> FlowBatch:
    return FlowBatch(
        application_id="a",
        flow_id="f",
        flow_tag="1",
        flow=b"",
        trigger_index=0,
        lease_id=lease,
        after=after,
        patience_ms=patience_ms,
    )


async def test_a_batch_that_comes_after_none_goes_at_once():
    await Gates().pass_through(batch("1"))


async def test_a_batch_waits_until_the_one_before_makes_way():
    gates = Gates()
    with gates.of("1") as gate:
        waiting = asyncio.create_task(gates.pass_through(batch("2", after="1")))
        await asyncio.sleep(0)
        assert not waiting.done()

        gate.open()
        gate.open()
        await waiting


async def test_a_batch_is_not_begun_when_the_one_before_ends_without_making_way():
    gates = Gates()
    with gates.of("1"):
        waiting = asyncio.create_task(gates.pass_through(batch("2", after="1")))
        await asyncio.sleep(0)

    with pytest.raises(NotBegun):
        await waiting


async def test_a_batch_is_not_begun_when_the_one_before_takes_too_long_or_is_unknown():
    gates = Gates()
    with gates.of("1"), pytest.raises(NotBegun):
        await gates.pass_through(batch("2", after="1", patience_ms=0))
    with pytest.raises(NotBegun):
        await gates.pass_through(batch("2", after="1"))


async def test_the_gate_of_a_later_batch_under_the_same_lease_is_left_in_place():
    gates = Gates()
    with gates.of("1"):
        later = gates.of("1")
        gate = later.__enter__()
    gate.open()

    await gates.pass_through(batch("2", after="1"))
    later.__exit__(None, None, None)
