"""The engine where things go wrong, run out, or are not there."""

import asyncio

import msgspec
import pytest

from drover.engine import chunk, dispatcher, payloads, report, reporter, sweeper
from drover.engine.loops import Loop
from drover.engine.report import cell
from drover.engine.signals import Signals
from drover.engine.targets import query_of
from drover.model.errors import Invalid
from drover.model.execution import State
from drover.model.iteration import Acknowledgement, ItemState
from drover.model.run import Actor, Change, Execution, Pace, Target
from drover.ports.failures import StoreBusy, StoreFull
from drover.ports.jobs import Firing
from drover.ports.runner import FlowBatch, IterationBatch, LeaseLost
from tests.contract.jobs_store import APPLICATION, device_id
from tests.unit.engine_bench import EngineBench

MANY = Pace(concurrency=10)


def target(**changes):
    return msgspec.json.encode(Target(**{"resource_type": "device", **changes}))


@pytest.fixture
def make(sqlite_database):
    return lambda *given, **named: EngineBench(sqlite_database, *given, **named)


async def begun(bench, devices=3, **changes):
    await bench.add_devices(devices)
    execution = await bench.add(**{"detail": target(), "pace": MANY, **changes})
    await bench.tick("planner")
    return execution.number


def refusing(bench, error):
    async def refuse(*_given, **_named):
        raise error

    bench.store.write = refuse


async def test_a_lane_waits_when_the_store_refuses(make):
    bench = make()
    await begun(bench)
    bench.heart.signals.dispatch.clear()
    write = bench.store.write
    refusing(bench, StoreFull("no room"))

    await bench.tick("dispatcher")

    assert not bench.heart.signals.dispatch.is_set()
    bench.store.write = write


async def test_a_fault_in_one_lane_leaves_the_engine_running(make):
    bench = make()
    number = await begun(bench)

    async def fail(_batch):
        bench.runner.before = None
        raise RuntimeError("a fault")

    bench.runner.before = fail
    await bench.tick("dispatcher")

    assert len(bench.heart.leases) == 0
    bench.store.offset_ms = 60_000
    assert (await bench.run_to_end(number)).succeeded == 3


async def test_a_stopped_dispatcher_claims_nothing(make):
    bench = make()
    number = await begun(bench)
    bench.engine.claim_nothing_more()

    await bench.tick("dispatcher", "firings")

    assert (await bench.get(number)).in_flight == 0
    assert not bench.engine.dispatcher._goes_on()


async def test_no_more_lanes_are_started_than_there_are(make):
    bench = make()
    await begun(bench, 100)
    gate = asyncio.Event()

    async def hold(_batch):
        await gate.wait()

    bench.runner.before = hold
    loop = bench.loops["dispatcher"]
    bench.engine.dispatcher._lanes = 8
    await loop._tick()
    running = bench.engine.dispatcher.running
    await loop._tick()
    assert bench.engine.dispatcher.running <= running + 4
    bench.engine.dispatcher._lanes = bench.engine.dispatcher.running

    assert await loop._tick() is None
    gate.set()
    await asyncio.wait(bench.engine.dispatcher._working)


async def test_lanes_give_way_when_executions_wait_for_one(make):
    bench = make()
    bench.engine.dispatcher._lanes = 1
    first = await begun(bench, 30)
    second = await bench.add(detail=target(), pace=MANY)
    await bench.tick("planner", "dispatcher")

    served = [(await bench.get(number)).claimed for number in (first, second.number)]

    assert min(served) == 0
    assert 0 < sorted(served)[1] < 30


async def test_what_flows_do_after_acknowledging_goes_on_aside(make):
    gate = asyncio.Event()
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))
    run = bench.runner.run

    async def run_and_linger(batch):
        records = await run(batch)
        await gate.wait()
        return records

    bench.runner.run = run_and_linger
    ticking = asyncio.create_task(bench.loops["dispatcher"]._tick())
    async with asyncio.timeout(10):
        while (await bench.get(number)).succeeded < 4:
            await asyncio.sleep(0)
    gate.set()
    await ticking
    await asyncio.wait(bench.engine.dispatcher._working)

    assert len(bench.runner.batches) == 4


async def test_tails_are_bounded(make, monkeypatch):
    monkeypatch.setattr(dispatcher, "_TAILS", 0)
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))

    await bench.tick("dispatcher")

    assert (await bench.get(number)).succeeded == 4


async def test_a_chunk_claimed_for_a_lane_that_ends_is_handed_back(make):
    bench = make()
    number = await begun(bench, 4, pace=Pace(concurrency=1))
    run = bench.runner.run

    async def run_then_fail(batch):
        await run(batch)
        raise RuntimeError("after the acknowledgement")

    bench.runner.run = run_then_fail
    taken = bench.heart.leases.take
    first = []

    def take(claim, after=None):
        held = taken(claim, after)
        if not first:
            first.append(held)
            # The lane looks at the end of its chunk before it sees that all is settled.
            held.settled.wait = asyncio.Event().wait
        return held

    bench.heart.leases.take = take
    await bench.tick("dispatcher")

    after = await bench.get(number)
    assert (after.succeeded, after.in_flight, after.waiting) == (1, 0, 1)


async def test_flows_are_looked_up_again_and_forgotten(make, monkeypatch):
    monkeypatch.setattr(chunk, "_REMEMBERED", 1)
    bench = make()
    await bench.add_devices(2)
    for _ in range(2):
        execution = await bench.add(detail=target(), pace=Pace(concurrency=1))
        await bench.run_to_end(execution.number)

    assert len(bench.runner.batches) == 4


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


async def test_firings_wait_while_there_is_no_room_and_when_stopping(make):
    bench = make(triggers={"event": ["flow"]})
    await bench.jobs(
        lambda jobs: jobs.add_firing(
            Firing(application_id=APPLICATION, trigger_type="event", key="k")
        )
    )
    bench.engine.firings.stop()
    await bench.tick("firings")
    assert bench.runner.batches == []


async def test_firings_that_hang_are_renewed_and_dropped_at_the_end(make):
    bench = make(triggers={"event": ["flow"]}, beat_ms=1)
    started = asyncio.Event()

    async def hang(_batch):
        started.set()
        await asyncio.Event().wait()

    bench.runner.before = hang
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.loops["firings"]._tick()
    await started.wait()
    before = await bench.jobs(lambda jobs: jobs.firings.next_ms())
    bench.store.offset_ms = 50_000
    async with asyncio.timeout(10):
        while await bench.jobs(lambda jobs: jobs.firings.next_ms()) < before + 50_000:
            await asyncio.sleep(0)

    await bench.engine.firings.drain(0)

    assert bench.engine.firings._running == set()


async def test_a_firing_that_breaks_something_is_given_up_in_the_end(make):
    bench = make(triggers={"event": ["flow"]}, tries=1)

    async def fail(_batch):
        raise RuntimeError("a fault")

    bench.runner.before = fail
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.tick("firings")

    assert await bench.jobs(lambda jobs: jobs.firings.next_ms()) is None


async def test_a_trigger_that_does_not_want_a_firing_is_not_run(make):
    bench = make(triggers={"event": ["flow"]})
    bench.engine.firings._matches = lambda *_given: False
    firing = Firing(application_id=APPLICATION, trigger_type="event", key="k")
    await bench.jobs(lambda jobs: jobs.add_firing(firing))
    await bench.tick("firings")

    assert bench.runner.batches == []
    assert await bench.jobs(lambda jobs: jobs.firings.next_ms()) is None


async def test_many_firings_are_taken_in_turns(make, monkeypatch):
    from drover.engine import firings

    monkeypatch.setattr(firings, "_AT_A_TIME", 2)
    bench = make(triggers={"event": ["flow"]})
    for _ in range(3):
        await bench.jobs(
            lambda jobs: jobs.add_firing(
                Firing(application_id=APPLICATION, trigger_type="event", key="k")
            )
        )

    first = await bench.tick("firings")
    await bench.tick("firings")

    assert first == 0.0
    assert [batch.size for batch in bench.runner.batches] == [2, 1]


async def test_a_loop_rests_after_a_failure_and_goes_on():
    outcomes = [StoreBusy("busy"), RuntimeError("a fault"), None]
    ticks = []
    wake = asyncio.Event()

    async def tick():
        ticks.append(1)
        wake.set()
        outcome = outcomes[len(ticks) - 1]
        if outcome is None:
            loop.stop()
            return 5.0
        raise outcome

    loop = Loop("test", tick, wake, 1000.0)

    async with asyncio.timeout(10):
        await loop.run()

    assert len(ticks) == 3
    assert loop._failures == 0


def test_only_what_changed_wakes_somebody():
    signals = Signals()
    signals.changed(EXECUTION)
    assert signals.plan.is_set()
    signals = Signals()
    signals.changed(msgspec.structs.replace(EXECUTION, state=State.SUCCEEDED))
    assert not (signals.plan.is_set())
    assert not (signals.dispatch.is_set())
    assert not (signals.close.is_set())
    signals.changed(msgspec.structs.replace(EXECUTION, state=State.FAILING))
    assert signals.close.is_set()


async def test_a_plan_that_failed_too_often_ends_the_execution(make):
    bench = make(tries=0)
    await bench.add_devices(1)
    execution = await bench.add(detail=target())

    ended = await bench.run_to_end(execution.number)

    assert ended.state is State.FAILED


async def test_a_plan_for_an_execution_cancelled_meanwhile_begins_nothing(make):
    bench = make()
    await bench.add_devices(1)
    for query in ("{}", '{"broken": 1}'):
        execution = await bench.add(detail=target(query=query))
        planner = bench.loops["planner"]._tick.__self__
        claimed = await bench.store.write(planner._claim)
        await bench.move(execution.number, Change(goal=State.CANCELING))

        await planner._plan(claimed)

        assert (await bench.get(execution.number)).state is State.CANCELING


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("-5", "'-5"),
        ('a,"b"', '"a,""b"""'),
        ("a\nb", '"a\nb"'),
        ("@x,y", '"\'@x,y"'),
    ],
)
def test_cells_are_quoted_and_no_formulas(text, shown):
    assert cell(text) == shown


async def test_a_long_report_is_read_page_by_page(make, monkeypatch):
    monkeypatch.setattr(report, "_PAGE", 2)
    bench = make()
    number = await begun(bench, 5)

    ended = await bench.run_to_end(number)

    assert len(bench.blobs.objects[ended.report_key].splitlines()) == 6


async def test_a_report_that_cannot_be_written_is_tried_again(make):
    bench = make()
    number = await begun(bench)
    await bench.tick("dispatcher")
    put = bench.blobs.put_stream

    async def refuse(_key, _chunks):
        bench.blobs.put_stream = put
        raise StoreFull("no room")

    bench.blobs.put_stream = refuse
    await bench.tick("reporter")
    first = await bench.get(number)
    await bench.tick("reporter")

    assert first.state is State.RUNNING
    assert (await bench.get(number)).state is State.SUCCEEDED


async def test_ending_twice_does_no_harm(make):
    bench = make(triggers={"resourceJobIteration": ["f"], "resourceJobComplete": ["g"]})
    number = await begun(bench)
    await bench.tick("dispatcher")
    running = await bench.get(number)
    part = bench.loops["reporter"]._tick.__self__

    assert await part._end(running)
    assert not await part._end(running)
    assert await bench.jobs(lambda jobs: jobs.firings.lease(10, 10**15, 10**15 + 1)) != []


async def test_an_execution_without_application_ends_without_a_firing(make):
    bench = make(triggers={"resourceJobComplete": ["g"]})
    execution = await bench.add(detail=target(), application_id=None, job_id=None)

    await bench.run_to_end(execution.number)

    assert bench.runner.batches == []


async def test_many_waiting_items_of_an_ending_execution_are_settled(make, monkeypatch):
    monkeypatch.setattr(reporter, "_WAITING", 2)
    pace = Pace(concurrency=10, retry_on_failure=True, retry_delay_ms=30_000)
    bench = make(lambda _id, _batch: False)
    number = await begun(bench, 5, pace=pace)
    await bench.tick("dispatcher")
    await bench.move(number, Change(goal=State.CANCELING))

    await bench.tick("reporter")

    ended = await bench.get(number)
    assert (ended.state, ended.failed) == (State.CANCELED, 5)


def test_a_complete_payload_tells_of_cancels_errors_and_the_accumulator():
    ended = msgspec.structs.replace(
        EXECUTION,
        state=State.CANCELED,
        completed_ms=5,
        source=None,
        cancel_source=Actor(type="user", id="u"),
        error="why",
        accumulator='{"a": 1}',
        detail=target(data_table_id="t" * 24, context="not JSON"),
    )

    data = msgspec.json.decode(payloads.complete_data(ended, None, "url"))

    assert data["resourceJob"] is None
    assert data["accumulator"] == {"a": 1}
    assert data["execution"]["cancelSourceId"] == "u"
    assert data["execution"]["error"] == "why"
    assert data["execution"]["context"] == "not JSON"
    assert data["execution"]["dataTableId"] == "t" * 24


@pytest.mark.parametrize(
    ("text", "value"), [(None, {}), ("plain", "plain"), ("5", "5"), ("[1]", [1])]
)
def test_an_accumulator_is_parsed_where_it_is_a_container(text, value):
    assert payloads.accumulator_value(text) == value


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


async def test_items_that_run_too_long_time_out_while_their_chunk_runs(make):
    bench = make()
    number = await begun(bench, pace=Pace(concurrency=10, timeout_ms=100))
    gate = asyncio.Event()

    async def hold(_batch):
        await gate.wait()

    bench.runner.before = hold
    await bench.loops["dispatcher"]._tick()
    async with asyncio.timeout(10):
        while not bench.runner.batches:
            await asyncio.sleep(0)
    bench.store.offset_ms = 1000
    await bench.tick("sweeper")
    gate.set()
    await asyncio.wait(bench.engine.dispatcher._working)

    assert (await bench.get(number)).timed_out == 3


async def test_timeouts_of_an_execution_without_application_fire_nothing(make):
    triggers = {"resourceJobIterationTimeout": ["late"]}
    bench = make(triggers=triggers)
    number = await begun(bench, job_id=None, pace=Pace(concurrency=10, timeout_ms=100))
    await bench.tick("dispatcher")
    bench.store.offset_ms = 1000

    await bench.tick("sweeper")

    assert (await bench.get(number)).timed_out == 3
    assert await bench.jobs(lambda jobs: jobs.firings.next_ms()) is None


async def test_items_another_server_ended_are_not_told_of_twice(make):
    bench = make()
    number = await begun(bench)

    assert await bench.store.write(lambda session: sweeper._end_items(session, number)) == []


async def test_a_pause_that_is_too_long_cancels(make):
    bench = make()
    number = await begun(bench)
    now = await bench.store.read(lambda session: session.now_ms())
    await bench.jobs(
        lambda jobs: jobs.executions.move(
            number, Change(goal=State.PAUSED), paused_until_ms=now + 1
        )
    )
    bench.store.offset_ms = 1000

    ended = await bench.run_to_end(number)

    assert ended.state is State.CANCELED
    assert "paused" in ended.error


async def test_an_overdue_execution_that_ended_meanwhile_is_left_alone(make, monkeypatch):
    bench = make()
    execution = await bench.add(detail=target(), timeout_ms=1)
    bench.store.offset_ms = 10**12
    await bench.move(execution.number, Change(goal=State.CANCELED))

    async def seen(_session):
        return [(execution, Change(goal=State.FAILING))]

    monkeypatch.setattr(sweeper, "_overdue", seen)
    await bench.tick("sweeper")

    assert (await bench.get(execution.number)).state is State.CANCELED


async def test_rows_need_a_table_that_is_there(make):
    bench = make()
    rows = Target(resource_type="dataTableRow")
    absent = Target(resource_type="dataTableRow", data_table_id="d" * 24)

    with pytest.raises(Invalid, match="needs dataTableId"):
        await bench.store.read(lambda session: query_of(session, APPLICATION, rows))
    with pytest.raises(Invalid, match="was not found"):
        await bench.store.read(lambda session: query_of(session, APPLICATION, absent))


async def test_rows_are_asked_by_the_columns_of_their_table(make):
    from drover.kinds.data_table import KIND
    from drover.model.kind import Stamp

    bench = make()
    stamp = Stamp("d" * 24, APPLICATION, 1)
    column = {"name": "size", "dataType": "number", "constraint": "optional"}
    table = KIND.create(msgspec.json.encode({"name": "T", "columns": [column]}), stamp)
    await bench.store.write(lambda session: session.resources.add(KIND, table))
    asked = Target(
        resource_type="dataTableRow", data_table_id="d" * 24, query='{"size": {"$gt": 2}}'
    )

    node = await bench.store.read(lambda session: query_of(session, APPLICATION, asked))

    assert node.field == "size"


async def test_an_engine_may_leave_schedules_to_others(make):
    from drover.engine.service import Engine, Surroundings

    bench = make()
    around = Surroundings(
        runner=bench.runner,
        blobs=bench.blobs,
        log=bench.log,
        report_url=str,
        matches=lambda *_given: True,
        actions={},
    )

    engine = Engine(bench.heart, around, schedules=False)

    assert "scheduler" not in [loop.name for loop in engine._loops]


EXECUTION = msgspec.convert(
    {
        **dict.fromkeys(
            (
                "application_id",
                "owner_id",
                "job_id",
                "error",
                "source",
                "cancel_source",
                "retry_of",
                "unique_key",
                "started_ms",
                "completed_ms",
                "deadline_ms",
                "queue",
                "worker",
                "lease_until_ms",
                "accumulator",
                "report_key",
                "result",
            )
        ),
        **dict.fromkeys(
            (
                "requested_ms",
                "due_ms",
                "priority",
                "tries",
                "total",
                "claimed",
                "in_flight",
                "waiting",
                "succeeded",
                "failed",
                "timed_out",
                "fence",
                "next_claim_ms",
                "number",
            ),
            0,
        ),
        "id": "e" * 24,
        "kind": "resource_job",
        "name": "Job",
        "state": State.QUEUED,
        "pace": Pace(),
        "detail": b"{}",
        "cancel_requested": False,
        "cursor": "",
    },
    type=Execution,
)
