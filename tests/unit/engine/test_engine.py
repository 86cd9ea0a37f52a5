"""The engine's loops over a real store: what they do with executions, tick by tick."""

import asyncio

import msgspec
import pytest

from drover.model.execution import State
from drover.model.iteration import Acknowledgement, ItemState
from drover.model.run import Actor, Change, Pace
from drover.ports.jobs import Firing
from drover.ports.runner import LeaseLost, WorkerLost
from tests.contract.jobs_store import APPLICATION, device_id
from tests.unit.engine_bench import target


async def test_an_execution_runs_to_its_end_and_leaves_a_report(make):
    bench = make(lambda resource_id, _batch: resource_id != device_id(3))
    await bench.add_devices(25)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))

    ended = await bench.run_to_end(execution.number)

    assert ended.state is State.SUCCEEDED
    assert (ended.total, ended.succeeded, ended.failed) == (25, 24, 1)
    assert max(batch.size for batch in bench.runner.batches) <= 10
    report = bench.blobs.objects[ended.report_key].decode().splitlines()
    assert len(report) == 26
    assert report[0].startswith("iterationId,resourceId,resourceName,status,attempts")
    assert report[3].startswith(f"{execution.id}-{device_id(3)},{device_id(3)},device 3,failed,1,")
    assert len(bench.log.notes) == len(bench.runner.batches)


async def test_nothing_matching_ends_at_once(make):
    bench = make()
    execution = await bench.add(detail=target(query='{"name": "none"}'))

    ended = await bench.run_to_end(execution.number)

    assert (ended.state, ended.total) == (State.SUCCEEDED, 0)


async def test_a_query_that_cannot_be_used_ends_the_execution_as_failed(make):
    bench = make()
    execution = await bench.add(detail=target(query='{"nonsense": 1}'))

    ended = await bench.run_to_end(execution.number)

    assert ended.state is State.FAILED
    assert "nonsense" in ended.error


async def test_every_subscribed_flow_runs_once_for_each_item(make):
    bench = make(triggers={"resourceJobIteration": ["one", "two"]})
    await bench.add_devices(3)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))

    ended = await bench.run_to_end(execution.number)

    assert ended.succeeded == 3
    assert sorted(batch.flow_id for batch in bench.runner.batches) == ["one", "two"]


async def test_without_acknowledgement_an_item_times_out_and_the_flows_are_told(make):
    triggers = {"resourceJobIteration": ["flow"], "resourceJobIterationTimeout": ["late"]}
    bench = make(lambda _id, _batch: None, triggers=triggers)
    await bench.add_devices(2)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10, timeout_ms=60_000))
    await bench.tick("planner", "dispatcher", "sweeper")
    before = await bench.get(execution.number)

    bench.store.offset_ms = 61_000
    await bench.tick("sweeper", "firings", "reporter")

    after = await bench.get(execution.number)
    assert before.in_flight == 2
    assert (after.state, after.timed_out) == (State.SUCCEEDED, 2)
    late = bench.runner.batches[-1]
    assert late.flow_id == "late"
    assert late.iterations.resource_ids == [device_id(1), device_id(2)]
    assert late.iterations.attempts == [1, 1]
    assert len(late.iterations.started_ms) == 2


async def test_a_job_no_flow_listens_to_times_out(make):
    bench = make(triggers={"other": ["flow"]})
    await bench.add_devices(1)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10, timeout_ms=1000))
    await bench.tick("planner", "dispatcher")

    bench.store.offset_ms = 2000
    ended = await bench.run_to_end(execution.number)

    assert ended.timed_out == 1
    assert bench.runner.batches == []


async def test_a_serial_execution_runs_in_order_and_hands_the_accumulator_on(make):
    seen = []

    def outcome(resource_id, batch):
        seen.append((resource_id, batch.iterations.accumulator))
        return Acknowledgement(resource_id, True, None, str(len(seen)))

    bench = make(outcome)
    await bench.add_devices(3)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=1))

    ended = await bench.run_to_end(execution.number)

    assert seen == [(device_id(1), None), (device_id(2), "1"), (device_id(3), "2")]
    assert ended.accumulator == "3"


async def test_failures_are_tried_again_with_rising_attempts(make):
    attempts = []

    def outcome(_id, batch):
        attempts.append((batch.iterations.attempts[0], batch.iterations.retries[0]))
        return len(attempts) == 3

    bench = make(outcome)
    await bench.add_devices(1)
    pace = Pace(concurrency=10, retry_on_failure=True, max_retries=2)
    execution = await bench.add(detail=target(), pace=pace)

    ended = await bench.run_to_end(execution.number)

    assert attempts == [(1, 0), (2, 1), (3, 2)]
    assert ended.succeeded == 1


async def test_a_lost_worker_gives_its_items_to_another(make):
    calls = []

    def outcome(resource_id, _batch):
        calls.append(resource_id)
        if len(calls) == 1:
            raise WorkerLost
        return True

    bench = make(outcome)
    await bench.add_devices(3)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=3))

    ended = await bench.run_to_end(execution.number)

    assert (ended.succeeded, ended.timed_out) == (3, 0)


async def test_a_lease_that_was_lost_stops_the_chunk_and_its_writes(make):
    bench = make(lambda _id, _batch: True, lease_ms=1000)
    await bench.add_devices(2)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))
    await bench.tick("planner")

    async def lose(_batch):
        bench.store.offset_ms += 2000
        await bench.tick("sweeper")
        bench.runner.before = None

    bench.runner.before = lose
    await bench.tick("dispatcher")

    assert bench.heart.acks.fenced == 2
    ended = await bench.run_to_end(execution.number)
    assert ended.succeeded == 2


async def test_a_beat_renews_leases_and_marks_the_lost_ones(make):
    bench = make(lease_ms=1000)
    execution = await bench.begin(4, pace=Pace(concurrency=1000), detail=target())
    now = await bench.store.read(lambda session: session.now_ms())
    one = bench.heart.leases.take(await bench.claim(execution.number, 2, now=now, worker="worker"))
    two = bench.heart.leases.take(await bench.claim(execution.number, 2, now=now, worker="worker"))
    await bench.expire(two.lease, now + 60_000)

    await bench.heart.leases.beat()

    assert not one.lost.is_set()
    assert two.lost.is_set()
    with pytest.raises(LeaseLost):
        _ = two.held


async def test_a_cancelled_execution_waits_for_what_runs_and_fires_complete(make):
    triggers = {"resourceJobIteration": ["flow"], "resourceJobComplete": ["done"]}
    bench = make(lambda _id, _batch: None, triggers=triggers)
    await bench.add_devices(5)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=2))
    await bench.tick("planner", "dispatcher")
    actor = Actor(type="user", id="c" * 24)
    await bench.move(execution.number, Change(goal=State.CANCELING, cancel_source=actor))
    await bench.tick("dispatcher", "reporter")
    waiting = await bench.get(execution.number)

    await bench.heart.acks.acknowledge(
        execution.number, [Acknowledgement(device_id(1), True), Acknowledgement(device_id(2), True)]
    )
    await bench.tick("reporter", "firings")

    ended = await bench.get(execution.number)
    assert waiting.state is State.CANCELING
    assert (ended.state, ended.succeeded, ended.remaining) == (State.CANCELED, 2, 3)
    batch = bench.runner.batches[-1]
    payload = msgspec.json.decode(batch.payloads[0])
    assert batch.flow_id == "done"
    assert payload["triggerType"] == "resourceJobComplete"
    assert payload["data"]["success"] is False
    assert payload["data"]["execution"]["status"] == "canceled"
    assert payload["data"]["execution"]["executionSummary"] == {
        "succeeded": 2, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 3,
    }  # fmt: skip
    assert payload["data"]["execution"]["executionReportUrl"] == f"/reports/{ended.id}"


async def test_an_execution_that_takes_too_long_fails_with_what_it_runs(make):
    bench = make(lambda _id, _batch: None)
    await bench.add_devices(3)
    pace = Pace(concurrency=2, timeout_ms=900_000, retry_on_timeout=True)
    execution = await bench.add(detail=target(), pace=pace, timeout_ms=60_000)
    await bench.tick("planner", "dispatcher")

    bench.store.offset_ms = 90_000
    await bench.tick("sweeper", "reporter")

    ended = await bench.get(execution.number)
    assert (ended.state, ended.timed_out, ended.remaining) == (State.FAILED, 2, 1)
    assert "longer" in ended.error


async def test_a_deleted_resource_fails_with_its_reason(make):
    bench = make()
    await bench.add_devices(2)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))
    await bench.tick("planner")
    await bench.database.write(
        lambda tx: tx.execute_sql("DELETE FROM device WHERE id = :id", {"id": device_id(2)})
    )

    ended = await bench.run_to_end(execution.number)

    assert (ended.succeeded, ended.failed) == (1, 1)
    items = await bench.items(execution.number, [ItemState.FAILED])
    assert "deleted" in items[0].message


async def test_a_follower_runs_over_what_did_not_succeed(make):
    bench = make(lambda resource_id, _batch: resource_id == device_id(1))
    await bench.add_devices(3)
    first = await bench.add(detail=target(), pace=Pace(concurrency=10))
    await bench.run_to_end(first.number)
    bench.runner.outcome = lambda _id, _batch: True
    follower = await bench.add(
        detail=target(statuses=("failed", "timedOut")),
        retry_of=first.number,
        pace=Pace(concurrency=10),
    )

    ended = await bench.run_to_end(follower.number)

    assert (ended.total, ended.succeeded) == (2, 2)


async def test_a_firing_is_acted_on_once_and_forgotten(make):
    bench = make(triggers={"event": ["flow"]})
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="any", data=b'{"a":1}')
    await bench.jobs(lambda jobs: jobs.add_firing(firing))

    await bench.tick("firings", "firings")

    assert [batch.flow_id for batch in bench.runner.batches] == ["flow"]
    payload = msgspec.json.decode(bench.runner.batches[0].payloads[0])
    assert payload["data"] == {"a": 1}
    assert payload["triggerId"] == "any"


async def test_a_firing_whose_worker_is_lost_comes_back_and_is_given_up_in_the_end(make):
    bench = make(triggers={"event": ["flow"]}, tries=2, lease_ms=20_000)

    async def die(_batch):
        raise WorkerLost

    bench.runner.before = die
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="any")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.tick("firings", "firings")
    tried_once = len(bench.runner.batches)

    for step in range(1, 5):
        bench.store.offset_ms = step * 30_000
        await bench.tick("firings")

    assert tried_once == 1
    assert len(bench.runner.batches) == 2


async def test_the_engine_starts_runs_and_stops(make):
    bench = make(sweep_ms=20, beat_ms=20, drain_ms=1000)
    await bench.add_devices(30)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))
    await bench.engine.start()
    await bench.engine.start()
    async with asyncio.timeout(60):
        while not (await bench.get(execution.number)).state.is_final:
            await asyncio.sleep(0)

    await bench.engine.stop()
    await bench.engine.stop()

    assert (await bench.get(execution.number)).succeeded == 30


async def test_stopping_hands_unfinished_work_back_without_blame(make):
    bench = make(drain_ms=10)
    started = asyncio.Event()

    async def hang(_batch):
        started.set()
        await asyncio.Event().wait()

    bench.runner.before = hang
    await bench.add_devices(3)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))
    await bench.engine.start()
    await started.wait()

    await bench.engine.stop()

    after = await bench.get(execution.number)
    assert (after.in_flight, after.waiting) == (0, 3)
    bench.runner.before = None
    bench.engine.dispatcher._stopping = False
    claim = await bench.claim(execution.number, now=10**13)
    assert claim.lease.size == 3


async def test_a_second_flow_may_acknowledge_what_the_first_one_settled(make):
    bench = make(triggers={"resourceJobIteration": ["one", "two"]})
    await bench.add_devices(2)
    execution = await bench.add(detail=target(), pace=Pace(concurrency=10))

    ended = await bench.run_to_end(execution.number)

    assert ended.succeeded == 2
    assert bench.heart.acks.fenced == 0
    assert {batch.flow_id for batch, _ in bench.log.notes} == {"one", "two"}
