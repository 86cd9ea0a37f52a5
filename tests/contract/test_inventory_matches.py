"""Which jobs a query of the inventory matches over HTTP."""

from __future__ import annotations

import pytest

from drover.model.run import Actor
from tests.support.access_server import ADMIN
from tests.support.digi_server import ROOT, basic


@pytest.fixture
def server(digi_server):
    return digi_server


async def test_both_conditions_hold_for_one_and_the_same_device(server):
    a = await server.device("a", carrier="X", tag="red")
    b = await server.device("b", carrier="Y", tag="blue")
    number = await server.job(a, b)

    assert await server.ids("carrier = 'x' and tags = 'red'") == [number]
    assert await server.ids("carrier = 'x' and tags = 'blue'") == []
    assert await server.ids("carrier = 'x' and not tags = 'blue'") == [number]


async def test_a_job_without_devices_is_tried_with_unset_fields(server):
    number = await server.job()

    assert await server.ids("name <> 'x' and group = empty") == [number]
    assert await server.ids("health_status = 'unknown'") == []
    assert await server.ids("not connection_status = 'connected'") == [number]


async def test_a_device_id_is_looked_for_under_id_as_well(server):
    device = await server.device()
    number = await server.job(device)
    await server.job()

    assert await server.ids(f"id = '{device.upper()}'") == [number]
    assert await server.ids(f"device_id startsWith '{device[:20]}'") == [number]
    assert await server.ids(f"id = '{number}'") == [number]


async def test_a_saved_device_is_found_by_what_it_is_now(server):
    device = await server.device("Old", group="/a", tag="one")
    number = await server.job(device)
    path = f"/applications/{server.application_id}/devices/{device}"

    body = {"name": "N\u00c9W", "tags": [{"key": "group", "value": "/b/C/"}]}
    await server.ok(server.token, "PATCH", path, body)

    assert await server.ids("name = 'n\u00e9w' and group = '/B/c'") == [number]
    assert await server.ids("tags = 'one' or group = '/a' or name = 'old'") == []


async def test_jobs_are_found_by_who_submitted_them(server):
    account = (await server.ok(server.token, "GET", "/me"))["id"]
    mine = await server.job(source=Actor(type="user", id=account))
    flow = await server.job(source=Actor(type="flow", id="e" * 24))
    none = await server.job()

    assert await server.ids(f"username = '{ADMIN.upper()}'") == [mine]
    assert await server.ids(f"username <> '{ADMIN}'") == [none, flow]
    assert await server.ids("username = empty") == [none, flow]
    assert await server.ids("username contains '@EXAMPLE'") == [mine]
    assert await server.ids("", orderby="username asc") == [mine, none, flow]


async def test_relative_times_count_from_now_and_a_plus_may_arrive_as_a_space(server):
    number = await server.job()
    server.clock.advance(3600)

    assert await server.ids("submit_time > -2h") == [number]
    assert await server.ids("submit_time > -30m") == []
    answer = await server.client.get(f"{ROOT}/inventory?query=submit_time<+30d", headers=basic())
    assert [job["id"] for job in answer.json()["list"]] == [number]
