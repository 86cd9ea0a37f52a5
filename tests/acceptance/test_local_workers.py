"""The engine with real worker processes."""

import asyncio
import itertools
import os
import re
import signal
import sys

import pytest
from structlog.testing import capture_logs

from drover.engine import leases
from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.ports.runner import FlowBatch, IterationBatch, NotBegun, WorkerLost
from drover.workers.local import LocalWorkers, WorkerSettings, registered
from tests.acceptance.fan_out import ACKNOWLEDGE, NO_OP, FanOut, flow, node
from tests.contract.jobs_store import device_id

pytestmark = pytest.mark.processes_measured


async def test_a_flow_runs_for_each_device_in_worker_processes(database):
    async with FanOut(database) as server:
        await server.add_devices(1000)
        number = await server.execute(concurrency=200)

        ended = await server.ended(number)

    assert (ended.state, ended.succeeded) == (State.SUCCEEDED, 1000)
    assert sum(len(records) for _, records in server.log.notes) == 1000
    assert server.heart.acks.fenced == 0


async def test_no_more_handlers_run_at_once_than_the_concurrency(database, tmp_path, monkeypatch):
    notes = tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv("WITNESS", str(notes))
    monkeypatch.setattr(leases, "FRESH_MS", 60_000)  # however slow the machine is
    definition = flow(node("call", "PythonHandlerNode", {"handler": "witness"}, "ack"), ACKNOWLEDGE)
    ahead = []
    async with FanOut(database, definition) as server:
        run = server.workers.run

        async def running(batch):
            ahead.append(batch.after)
            return await run(batch)

        server.workers.run = running
        await server.add_devices(1500)
        number = await server.execute(concurrency=30)

        ended = await server.ended(number)

    lines = [line.split() for file in notes.iterdir() for line in file.read_text().splitlines()]
    moments = sorted([(float(a), 1) for a, _ in lines] + [(float(b), -1) for _, b in lines])
    at_once = itertools.accumulate(step for _, step in moments)
    assert (ended.succeeded, len(lines)) == (1500, 1500)
    assert max(at_once) <= 30
    assert any(ahead)


async def test_serial_items_see_the_accumulator_and_messages_are_kept(sqlite_database):
    definition = flow(
        node(
            "ack",
            "ResourceJobAcknowledgeNode",
            {
                "successExpression": "{{data.device.n}} != 2",
                "messageTemplate": "{{data.iterationId}} {{jsonEncode data.accumulator}}",
                "accumulatorMethod": "jsonTemplate",
                "accumulatorValue": '{"last": {{data.device.n}}}',
            },
        )
    )
    async with FanOut(sqlite_database, definition, workers=1) as server:
        await server.add_devices(3)
        number = await server.execute(concurrency=1)

        ended = await server.ended(number)
        items = await server.items(number)

    assert [item.state for item in items] == [
        ItemState.SUCCEEDED,
        ItemState.FAILED,
        ItemState.SUCCEEDED,
    ]
    assert [item.message.partition(" ")[2] for item in items] == [
        "{}",
        "{&quot;last&quot;:1}",
        "{&quot;last&quot;:2}",
    ] or [item.message.partition(" ")[2] for item in items] == ["{}", '{"last":1}', '{"last":2}']
    assert ended.accumulator == '{"last":3}'


async def test_an_item_that_kills_its_worker_times_out_alone(sqlite_database):
    definition = flow(node("call", "PythonHandlerNode", {"handler": "poison"}, "ack"), ACKNOWLEDGE)
    async with FanOut(sqlite_database, definition, workers=1, sweep_ms=200) as server:
        await server.add_devices(20)
        number = await server.execute(concurrency=100)

        ended = await server.ended(number)
        items = {item.resource_id: item for item in await server.items(number)}

    assert (ended.succeeded, ended.timed_out) == (19, 1)
    assert items[device_id(7)].message == "worker lost"


async def test_a_worker_that_falls_silent_is_ended_and_replaced(sqlite_database):
    definition = flow(node("call", "PythonHandlerNode", {"handler": "freeze"}, "ack"), ACKNOWLEDGE)
    pace = {"concurrency": 100, "retry_on_failure": True, "max_retries": 20}
    timing = {"silent_s": 1.0, "lease_ms": 2000, "beat_ms": 200, "sweep_ms": 200}
    async with FanOut(sqlite_database, definition, workers=1, **timing) as server:
        await server.add_devices(10)
        number = await server.execute(**pace)

        ended = await server.ended(number)

    assert ended.succeeded == 10


@pytest.mark.parametrize(
    ("text", "seconds", "told"),
    [
        ("1 / 0", 60, "module_in_the_way.*division by zero"),
        ("import os; os._exit(3)", 60, "ended while it imported 'module_in_the_way'"),
        ("import time; time.sleep(600)", 10, "'module_in_the_way' were not imported in 10 s"),
    ],
)
async def test_a_handler_module_that_is_in_the_way_is_named_at_start(
    tmp_path, monkeypatch, text, seconds, told
):
    (tmp_path / "module_in_the_way.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = WorkerSettings(count=1, handlers=("module_in_the_way",), import_s=seconds)

    ends = await asyncio.gather(
        LocalWorkers(None, settings).start(), registered(settings), return_exceptions=True
    )

    assert [type(end) for end in ends] == [WorkerLost, WorkerLost]
    assert all(re.search(told, str(end)) for end in ends)


async def test_a_worker_full_of_calls_that_never_end_is_replaced(sqlite_database):
    call = {
        "handler": "never-ends",
        "timeoutTemplate": "0.02",
        "errorBehavior": "payloadPath",
        "errorPath": "working.error",
    }
    definition = flow(node("call", "PythonHandlerNode", call, "ack"), ACKNOWLEDGE)
    async with FanOut(sqlite_database, definition, workers=1, beat_ms=200) as server:
        before = server.workers.pids
        await server.add_devices(120)
        number = await server.execute(concurrency=10)

        ended = await server.ended(number)
        after = server.workers.pids

    assert ended.succeeded == 120
    assert before != after


async def test_a_signal_to_the_whole_group_leaves_workers_to_their_server(sqlite_database):
    async with FanOut(sqlite_database, workers=1) as server:
        (pid,) = server.workers.pids
        await server.add_devices(3)
        for each in (signal.SIGTERM, signal.SIGINT):
            os.kill(pid, each)

        ended = await server.ended(await server.execute(concurrency=3))

        assert ended.succeeded == 3
        assert server.workers.pids == [pid]


async def test_what_a_handler_starts_obeys_the_signals_that_its_worker_leaves_alone():
    code = (
        "import os, signal, time; from drover.workers.child import leave_to_the_server;"
        "leave_to_the_server(signal.SIGTERM);"
        "read, write = os.pipe();"
        "forked = os.fork() or [os.write(write, b'.'), time.sleep(600)];"
        "os.read(read, 1);"
        "os.kill(forked, signal.SIGTERM); print(os.waitpid(forked, 0)[1], flush=True);"
        "print(os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', 'kill -TERM $$; sleep 600'))"
    )

    done = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(done.communicate(), 60)

    assert output.split() == [b"15", b"-15"]


async def test_workers_that_are_stopped_are_not_told_of_as_lost():
    with capture_logs() as logs:
        workers = LocalWorkers(None, WorkerSettings(count=1))
        await workers.start()
        await workers.stop()

    assert logs == []


async def test_stopped_workers_refuse_and_leave_no_process():
    workers = LocalWorkers(None, WorkerSettings(count=2))
    await workers.start()
    pids = workers.pids

    await workers.stop()
    await workers.stop()

    batch = FlowBatch(application_id="a", flow_id="f", flow_tag="1", flow=NO_OP, trigger_index=0)
    with pytest.raises(WorkerLost):
        await workers.run(batch)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


class NeverSettling:
    """A server that hears acknowledgements and says nothing to them."""

    def __init__(self):
        self.heard = asyncio.Queue()

    async def settle(self, batch, _rows, _count):
        await self.heard.put(batch.lease_id)
        await asyncio.Event().wait()

    async def settle_all(self, batch, **_given):
        await self.heard.put(batch.lease_id)
        await asyncio.Event().wait()


def chunk(lease_id, handler, *, after=None):
    definition = flow(node("call", "PythonHandlerNode", {"handler": handler}, "ack"), ACKNOWLEDGE)
    iterations = IterationBatch(
        execution_id="e" * 24,
        job_id="j" * 24,
        trigger_type="resourceJobIteration",
        resource_type="device",
        execution=b"{}",
        resource_ids=[device_id(1), device_id(2)],
        documents=[b'{"n":1}', b'{"n":2}'],
    )
    return FlowBatch(
        application_id="a",
        flow_id="f",
        flow_tag=handler,
        flow=definition,
        trigger_index=0,
        iterations=iterations,
        execution_id="e" * 24,
        lease_id=lease_id,
        after=after,
        patience_ms=600_000,
    )


async def kill(workers):
    """Wait until a worker has both chunks in hand, and kill it."""
    async with asyncio.timeout(60):
        while not all(workers._workers[0].runs(lease_id) for lease_id in ("1-1", "1-2")):
            await asyncio.sleep(0.001)
    os.kill(workers.pids[0], signal.SIGKILL)


async def test_a_chunk_whose_turn_had_not_come_loses_nothing_with_its_worker():
    settings = WorkerSettings(count=1, handlers=("tests.acceptance.handlers",))
    workers = LocalWorkers(NeverSettling(), settings)
    await workers.start()
    first = asyncio.create_task(workers.run(chunk("1-1", "never-ends")))
    await asyncio.sleep(0)
    ahead = asyncio.create_task(workers.run(chunk("1-2", "no-op", after="1-1")))

    await kill(workers)
    ends = await asyncio.gather(first, ahead, return_exceptions=True)
    await workers.stop()

    assert [type(each) for each in ends] == [WorkerLost, NotBegun]


async def test_a_chunk_whose_turn_had_come_is_lost_with_its_worker():
    settings = WorkerSettings(count=1, handlers=("tests.acceptance.handlers",))
    server = NeverSettling()
    workers = LocalWorkers(server, settings)
    await workers.start()
    first = asyncio.create_task(workers.run(chunk("1-1", "no-op")))
    await asyncio.sleep(0)
    ahead = asyncio.create_task(workers.run(chunk("1-2", "no-op", after="1-1")))

    heard = {await server.heard.get(), await server.heard.get()}
    await kill(workers)
    ends = await asyncio.gather(first, ahead, return_exceptions=True)
    await workers.stop()

    assert heard == {"1-1", "1-2"}
    assert [type(each) for each in ends] == [WorkerLost, WorkerLost]


async def test_workers_tell_the_handlers_they_know_and_stop_twice_without_harm():
    workers = LocalWorkers(None, WorkerSettings(count=1, handlers=("tests.acceptance.handlers",)))
    await workers.start()
    try:
        assert "poison" in workers.handlers
        assert len(workers.pids) == 1
    finally:
        await workers.stop()
        await workers.stop()

    assert workers.pids == []
