"""What running workflows get from the server, on each database: what they keep, workflows, jobs."""

import msgspec
import pytest

from drover.kinds.device import KIND as DEVICE
from drover.kinds.resource_job import KIND as JOB
from drover.model.run import Pace, Target
from drover.ports.runner import ACKNOWLEDGE
from drover.query.tree import All
from tests.contract.flow_host_world import NOBODY, World
from tests.contract.jobs_store import NOW, Bench


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def test_an_operation_that_is_not_there_is_told(world):
    assert (await world.error("no.such"))[0] == "NotImplemented"


async def test_a_text_that_not_every_store_takes_fails_no_other_request(world):
    stores = [{"key": key, "action": "set", "value": "\0"} for key in ("a", "b\0", "c")]

    answers = await world.ask("storage.store", *stores)
    kept = await world.ask("storage.get", {"key": "a"}, {"key": "b\0"}, {"key": "c"})
    alone = await world.ask("no.such.thing", {"key": "\0"})

    assert [answers[0], answers[2]] == [{"result": {"value": "\0"}}] * 2
    assert kept[0]["result"]["value"] == kept[2]["result"]["value"] == "\0"
    assert alone[0]["error"]["type"] == "NotImplemented"
    for odd in (answers[1], kept[1]):
        assert "result" in odd or odd["error"]["type"] == "Validation"


async def test_a_count_beyond_64_bits_goes_on_as_a_double(world):
    step = {"key": "n", "action": "add", "value": 2**63 - 1}

    answers = await world.ask("storage.store", step, step, step)

    assert answers[-1]["result"]["value"] == float(3 * (2**63 - 1))


async def test_values_are_stored_counted_and_forgotten_in_order(world):
    answers = await world.ask(
        "storage.store",
        {"key": "a", "action": "add", "value": 1},
        {"key": "a", "action": "add", "value": 2.5},
        {"key": "t", "action": "set", "value": "text"},
        {"key": "t", "action": "add", "value": 1},
        {"key": "t", "action": "clear"},
        {"key": "t", "action": "clear"},
        {"key": "big", "action": "set", "value": "x" * 20_000},
    )

    assert [each.get("result") for each in answers[:3]] == [
        {"value": 1},
        {"value": 3.5},
        {"value": "text"},
    ]
    assert answers[3]["error"]["message"] == "The stored value is not a number"
    assert [each["result"] for each in answers[4:6]] == [{"value": "text"}, {}]
    assert answers[6]["error"]["type"] == "PayloadTooLarge"
    assert await world.ask("storage.get", {"key": "a"}, {"key": "t"}, {"all": True}) == [
        {"result": {"found": True, "value": 3.5}},
        {"result": {"found": False, "value": None}},
        {"result": {"found": True, "value": {"a": 3.5}}},
    ]


async def test_workflows_that_cause_each_other_are_stopped(world):
    await world.result("event.create", depth=16, body={"level": "info", "subject": "hot"})

    assert await world.firings("event") == []


async def test_a_workflow_presses_a_button_now(world):
    for name in ("ui", f"{world.flow}-ui"):
        pressed = await world.result(
            "flow.trigger", flowId=world.flow, button=name, version="default"
        )
        assert pressed == {
            "flowId": world.flow,
            "flowVersion": "default",
            "virtualButtonId": f"{world.flow}-ui",
            "payload": {"own": 1},
        }

    firing = (await world.firings("virtualButton"))[0]
    assert (firing.flow_id, firing.flow_version, firing.depth) == (world.flow, None, 1)
    assert msgspec.json.decode(firing.data) == {"own": 1}
    assert world.woken
    assert (await world.error("flow.trigger", flowId=NOBODY, button="ui"))[0] == "NotFound"
    assert (await world.error("flow.trigger", flowId=world.flow, button="x"))[0] == "NotFound"
    assert (await world.error("flow.trigger", flowId=world.flow, button="ui", version="v9"))[
        0
    ] == "NotFound"
    assert (await world.error("flow.trigger", depth=16, flowId=world.flow, button="ui"))[
        0
    ] == "Validation"
    large = "x" * 300_000
    assert (await world.error("flow.trigger", flowId=world.flow, button="ui", payload=large))[
        0
    ] == "PayloadTooLarge"


async def test_a_press_is_scheduled_replaced_and_canceled(world):
    given = {
        "flowId": world.flow,
        "button": "ui",
        "payload": [1],
        "runId": "r",
        "delayMs": 3_600_000,
    }

    first = await world.result("flow.schedule", **given)
    second = await world.result("flow.schedule", **{**given, "runId": "r"})
    dated = await world.result(
        "flow.schedule", flowId=world.flow, button="ui", at="2036-01-02T03:04:05.678Z"
    )

    assert (first["runId"], first["newOrUpdate"], second["newOrUpdate"]) == ("r", "new", "update")
    assert dated["runAt"] == 2_082_855_845_678
    assert len(dated["runId"]) == 24
    assert await world.result("flow.cancel", runId="r") == {"runId": "r", "success": True}
    again = await world.result("flow.cancel", runId="r")
    assert (again["success"], again["error"]["type"]) == (False, "NotFound")


async def test_a_job_is_executed_with_a_context(world):
    job = await world.make(JOB, {"name": "J", "resourceType": "device"})

    started = await world.result("job.execute", jobId=job, context={"a": 1})

    assert started["success"] is True
    assert len(started["executionId"]) == 24
    assert (await world.error("job.execute", jobId=NOBODY))[0] == "NotFound"
    assert (await world.error("job.execute", jobId=job, context=[1]))[0] == "Validation"
    assert (await world.error("job.execute", jobId=job, context={"a": "x" * 40_000}))[
        0
    ] == "Validation"


async def test_an_iteration_that_is_not_there_cannot_be_acknowledged(world):
    for iteration_id in ("nonsense", f"{NOBODY}-{NOBODY}"):
        assert (await world.error(ACKNOWLEDGE, iterationId=iteration_id, success=True))[
            0
        ] == "NotFound"


async def _awaiting(world, database):
    """An execution over one gateway's peripheral, begun and waiting for its acknowledgement."""
    gateway = await world.make(DEVICE, {"name": "Gate", "deviceClass": "gateway"})
    body = {"name": "Sensor", "deviceClass": "peripheral", "gatewayId": gateway}
    sensor = await world.make(DEVICE, body)
    bench = Bench(database)
    execution = await bench.add(application_id=world.application, pace=Pace(concurrency=1))
    target = Target(resource_type="device")
    await bench.jobs(lambda jobs: jobs.iterations.snapshot(execution, target, All(), "", 100))
    await bench.jobs(lambda jobs: jobs.plans.begin(execution.number, NOW))
    claim = await bench.claim(execution.number, limit=1)
    (item,) = await bench.documents(claim)
    await bench.end_lease(claim)
    return execution, item.resource_id, gateway, sensor


async def test_an_iteration_is_acknowledged_once(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    iteration_id = f"{execution.id}-{resource_id}"
    given = {
        "iterationId": iteration_id,
        "success": True,
        "message": "done",
        "accumulator": '{"n":1}',
    }

    settled = await world.result(ACKNOWLEDGE, **given)

    assert settled["success"] is True
    assert (settled["message"], settled["accumulator"]) == ("done", '{"n":1}')
    assert settled["completedAt"] >= settled["startedAt"]
    assert await world.error(ACKNOWLEDGE, **given) == (
        "Validation",
        "Iteration was already acknowledged",
    )


async def test_iterations_acknowledged_together_are_told_apart(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    iteration_id = f"{execution.id}-{resource_id}"
    requests = [
        {"iterationId": "nonsense", "success": True},
        {"iterationId": iteration_id, "success": False, "message": "first"},
        {"iterationId": f"{execution.id}-{NOBODY}", "success": True},
        {"iterationId": iteration_id, "success": True, "message": "second"},
        {"iterationId": iteration_id, "success": True, "relay": {"type": "device", "id": NOBODY}},
    ]

    malformed, first, unknown, second, foreign = await world.ask(ACKNOWLEDGE, *requests)

    assert (first["result"]["success"], first["result"]["message"]) == (False, "first")
    assert malformed["error"]["type"] == unknown["error"]["type"] == "NotFound"
    assert second["error"]["message"] == "Iteration was already acknowledged"
    assert foreign["error"]["type"] == "Forbidden"


async def test_one_that_cannot_be_acknowledged_takes_no_other_with_it(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    iteration_id, too_long = f"{execution.id}-{resource_id}", "x" * 300
    bad = {"iterationId": f"{execution.id}-{NOBODY}", "success": True, "accumulator": too_long}
    good = {"iterationId": iteration_id, "success": True}

    refused, settled = await world.ask(ACKNOWLEDGE, bad, good)

    assert refused["error"]["type"] == "Validation"
    assert settled["result"]["success"] is True


async def test_a_device_acknowledges_only_iterations_of_its_own(world, database):
    execution, resource_id, gateway, sensor = await _awaiting(world, database)
    given = {"iterationId": f"{execution.id}-{resource_id}", "success": True}
    owner = gateway if resource_id == sensor else resource_id

    stranger = await world.error(ACKNOWLEDGE, **given, relay={"type": "device", "id": NOBODY})

    assert stranger == ("Forbidden", "A device may acknowledge only its own iterations")
    assert (await world.result(ACKNOWLEDGE, **given, relay={"type": "device", "id": owner}))[
        "success"
    ] is True


async def test_another_applications_iteration_is_not_there(world, database):
    execution, resource_id, _, _ = await _awaiting(world, database)
    world.application = "1" * 24

    answer = await world.error(
        ACKNOWLEDGE, iterationId=f"{execution.id}-{resource_id}", success=True
    )

    assert answer == ("NotFound", "Iteration was not found")
