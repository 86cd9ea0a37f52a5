"""The engine with real worker processes."""

import itertools
import os

import pytest
from structlog.testing import capture_logs

from drover.engine import leases
from drover.model.execution import State
from drover.model.iteration import ItemState
from drover.ports.runner import FlowBatch, WorkerLost
from drover.workers.local import LocalWorkers, WorkerSettings, registered
from tests.acceptance.fan_out import ACKNOWLEDGE, NO_OP, FanOut, flow, node
from tests.contract.jobs_store import device_id


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
    monkeypatch.setattr(leases, "FRESH_MS", 5000)  # however slow the machine is
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
    pace = {"concurrency": 100, "retry_on_failure": True}
    timing = {"lease_ms": 2000, "beat_ms": 200, "sweep_ms": 200}
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

    with pytest.raises(WorkerLost, match=told):
        await LocalWorkers(None, settings).start()
    with pytest.raises(WorkerLost, match=told):
        await registered(settings)


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
