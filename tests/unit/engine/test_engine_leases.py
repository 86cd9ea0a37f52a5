"""Leases and what is settled under them: late, twice, or from elsewhere."""

import msgspec
import pytest

from drover.engine import sweeper
from drover.model.iteration import Acknowledgement, ItemState
from drover.ports.runner import FlowBatch, IterationBatch, LeaseLost
from tests.contract.jobs_store import device_id
from tests.unit.engine_bench import begun


async def test_a_lease_that_is_not_held_refuses(make):
    bench = make()
    batch = FlowBatch(application_id="a", flow_id="f", flow_tag="1", flow=b"", trigger_index=0)

    with pytest.raises(LeaseLost):
        await bench.heart.acks.settle(batch, b"[]", 0)
    await bench.heart.leases.beat()
    assert len(bench.heart.leases) == 0


async def test_a_lease_settled_meanwhile_is_neither_lost_nor_given_back(make):
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    held = bench.heart.leases.take(await bench.claim(number, now=now, worker="worker"))
    held.settled.set()

    await bench.heart.leases.beat()
    await bench.heart.leases.give_back(held, lost=True)

    assert not held.lost.is_set()
    assert (await bench.get(number)).in_flight == 3


async def test_a_lease_that_is_being_settled_is_not_taken_for_lost(make):
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    held = bench.heart.leases.take(await bench.claim(number, now=now, worker="another"))

    async with held.settling:
        await bench.heart.leases.beat()
        meanwhile = held.lost.is_set()
    await bench.heart.leases.beat()

    assert (meanwhile, held.lost.is_set()) == (False, True)


def batch_of(held, *numbers):
    iterations = IterationBatch(
        execution_id="e" * 24,
        job_id="j" * 24,
        trigger_type="resourceJobIteration",
        resource_type="device",
        execution=b"{}",
        resource_ids=[device_id(number) for number in numbers],
        documents=[b"{}"] * len(numbers),
    )
    return FlowBatch(
        application_id="a",
        flow_id="f",
        flow_tag="1",
        flow=b"",
        trigger_index=0,
        lease_id=held.id,
        iterations=iterations,
    )


async def held_chunk(bench):
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    return number, bench.heart.leases.take(await bench.claim(number, now=now, worker="worker"))


async def test_who_acknowledges_a_chunk_alike_is_told_what_was_ended_from_elsewhere(make):
    bench = make()
    number, held = await held_chunk(bench)
    await bench.heart.acks.acknowledge(number, [Acknowledgement(device_id(2), False, "no")])

    settled = await bench.heart.acks.settle_all(
        batch_of(held, 1, 2, 3), Acknowledgement("", True, "yes")
    )

    items = await bench.items(number)
    assert settled.refused == {device_id(2): "ended"}
    assert [item.message for item in items] == ["yes", "no", "yes"]
    assert held.unsettled == 1  # what was ended from elsewhere the end of the chunk gives up


async def test_of_two_flows_that_acknowledge_a_chunk_alike_the_second_is_refused(make):
    bench = make()
    number, held = await held_chunk(bench)
    batch = batch_of(held, 1, 2, 3)

    first = await bench.heart.acks.settle_all(batch, Acknowledgement("", True))
    second = await bench.heart.acks.settle_all(batch, Acknowledgement("", False))

    assert first.refused == {}
    assert second.refused == dict.fromkeys(map(device_id, (1, 2, 3)), "ended")
    assert {item.state for item in await bench.items(number)} == {ItemState.SUCCEEDED}


async def test_a_batch_that_is_part_of_its_chunk_is_settled_by_its_ids(make):
    bench = make()
    number, held = await held_chunk(bench)

    await bench.heart.acks.settle_all(batch_of(held, 1, 3), Acknowledgement("", True))

    states = [item.state for item in await bench.items(number)]
    assert states == [ItemState.SUCCEEDED, ItemState.PENDING, ItemState.SUCCEEDED]
    assert held.unsettled == 1


async def test_an_acknowledgement_of_an_old_attempt_that_was_ended_is_refused_without_alarm(make):
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    held = bench.heart.leases.take(await bench.claim(number, now=now, worker="worker"))
    await bench.heart.acks.acknowledge(number, [Acknowledgement(device_id(1), True)])
    batch = FlowBatch(
        application_id="a", flow_id="f", flow_tag="1", flow=b"", trigger_index=0, lease_id=held.id
    )
    rows = msgspec.json.encode([[device_id(1), False, None, None]])

    settled = await bench.heart.acks.settle(batch, rows, 1)

    assert settled.refused == {device_id(1): "ended"}
    assert bench.heart.acks.fenced == 0


async def test_many_lost_leases_are_taken_back(make, monkeypatch):
    monkeypatch.setattr(sweeper, "_LEASES", 1)
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    for _ in range(2):
        await bench.claim(number, 1, now=now, lease_ms=1)
    bench.store.offset_ms = 10_000

    await bench.tick("sweeper")

    assert (await bench.get(number)).waiting == 2


async def test_a_lease_renewed_after_it_was_seen_is_left_alone(make):
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    claim = await bench.claim(number, now=now)
    part = bench.loops["sweeper"]._tick.__self__

    await part._take_back(claim.lease)

    assert (await bench.get(number)).in_flight == 3
