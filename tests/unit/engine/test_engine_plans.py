"""Plans that cannot be made, and loops that fail."""

import asyncio

import msgspec
import pytest

from drover.engine.loops import Loop
from drover.engine.signals import Signals
from drover.engine.targets import query_of
from drover.model.errors import Invalid
from drover.model.execution import State
from drover.model.run import Change, Target
from drover.ports.failures import StoreBusy
from tests.contract.jobs_store import APPLICATION
from tests.unit.engine_bench import EXECUTION, target


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

    async with asyncio.timeout(60):
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
