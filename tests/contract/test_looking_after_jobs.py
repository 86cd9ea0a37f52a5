"""What operators look at before they act: why items failed, and how many jobs a verb would touch."""

from __future__ import annotations

import pytest
import pytest_asyncio

from drover.model.errors import Invalid, Missing
from drover.model.iteration import Acknowledgement, ItemState
from tests.contract.jobs_store import device_id
from tests.support.digi_server import DigiServer
from tests.support.jobs_bench import JobsBench


@pytest_asyncio.fixture
async def bench(database):
    bench = JobsBench(database)
    yield bench
    await bench.client.aclose()


@pytest_asyncio.fixture
async def server(database):
    made = await DigiServer(database).begin()
    yield made
    await made.close()


async def test_messages_of_what_failed_are_counted_commonest_first(bench):
    await bench.add_devices(6)
    messages = {device_id(1): "stuck", device_id(2): "stuck", device_id(3): None}
    bench.runner.outcome = lambda resource_id, _batch: Acknowledgement(
        resource_id, resource_id not in messages, messages.get(resource_id, "fine")
    )
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)
    _, _, application_id, _, job_id = path.split("/")[:5]

    logs = bench.work.logs
    reasons = await logs.reasons((application_id, job_id), execution_id)

    assert reasons == [(ItemState.FAILED, "stuck", 2), (ItemState.FAILED, None, 1)]
    with pytest.raises(Missing):
        await logs.reasons((application_id, "e" * 24), execution_id)


async def test_only_as_many_messages_are_read_and_told_as_asked(bench, database):
    await bench.add_devices(6)
    bench.runner.outcome = lambda resource_id, _batch: Acknowledgement(
        resource_id, ok=False, message=resource_id
    )
    path = await bench.job()
    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)

    async def work(session):
        number = (await session.jobs.executions.get(execution_id)).number
        few = await session.jobs.items.reasons(number, most=4, limit=100)
        short = await session.jobs.items.reasons(number, most=100, limit=2)
        return len(few), len(short)

    assert await bench.heart.store.read(work) == (4, 2)


async def test_what_a_bulk_verb_would_touch_is_counted_first(server):
    caller = await server.access.authenticator.authenticate(server.token)
    for _ in range(3):
        await server.job(state="queued")
    await server.job(await server.device(), succeeded=1)

    assert await server.inventory.count_changeable(caller, "status = 'new'") == 3
    for query in ("", "  ", "status ="):
        with pytest.raises(Invalid):
            await server.inventory.count_changeable(caller, query)


async def test_one_who_only_looks_would_touch_none(server):
    token, shared = await server.viewer("viewer@example.com")
    number = await server.job(state="queued", application_id=shared)
    viewer = await server.access.authenticator.authenticate(token)
    administrator = await server.access.authenticator.authenticate(server.token)

    assert (await server.inventory.execution(viewer, number)).number == number
    assert await server.inventory.count_changeable(viewer, "id > 0") == 0
    assert not await server.inventory.may_change(viewer)
    assert await server.inventory.may_change(administrator)


async def test_the_execution_behind_anothers_job_looks_missing(server):
    token = await server.user(server.token, "other@example.com")
    other = await server.access.authenticator.authenticate(token)
    number = await server.job()

    for each in (number, number + 1, 2**70):
        with pytest.raises(Missing):
            await server.inventory.execution(other, each)


async def test_what_a_bulk_verb_left_alone_is_counted(server):
    caller = await server.access.authenticator.authenticate(server.token)
    for _ in range(3):
        await server.job(state="queued")
    await server.job(await server.device(), succeeded=1)

    outcomes = await server.inventory.cancel_matching(caller, "id > 0")

    assert (len(outcomes), outcomes.refused) == (4, 1)
