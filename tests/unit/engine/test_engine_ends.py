"""How executions end: reports, timeouts, pauses, and what was cancelled."""

import asyncio

import pytest

from drover.engine import report, reporter, sweeper
from drover.engine.report import cell
from drover.model.execution import State
from drover.model.run import Change, Pace
from drover.ports.failures import StoreFull
from tests.unit.engine_bench import begun, target


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


async def test_items_that_run_too_long_time_out_while_their_chunk_runs(make):
    bench = make()
    number = await begun(bench, pace=Pace(concurrency=10, timeout_ms=100))
    gate = asyncio.Event()

    async def hold(_batch):
        await gate.wait()

    bench.runner.before = hold
    await bench.loops["dispatcher"]._tick()
    async with asyncio.timeout(60):
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
