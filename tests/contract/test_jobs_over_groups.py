"""A job over the devices of an experience group finds what the group owns in any way."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from tests.contract.jobs_store import APPLICATION
from tests.support.jobs_bench import JobsBench

GROUPS = f"/applications/{APPLICATION}/experience/groups"
USERS = f"/applications/{APPLICATION}/experience/users"


@pytest_asyncio.fixture
async def bench(database):
    bench = JobsBench(database)
    yield bench
    await bench.client.aclose()


@pytest_asyncio.fixture
async def owners(bench):
    """Five devices; a group that owns one by its id, one by a tag, one by a query; its user."""
    devices = await bench.add_device_documents(5)
    owning = {
        "name": "Owners",
        "deviceIds": [devices[0]["id"]],
        "deviceTags": [{"key": "k", "value": "2"}],
        "deviceQueryJson": json.dumps({"name": "device 3"}),
    }
    group = (await bench.ok("POST", GROUPS, owning))["id"]
    person = {"email": "u@example.com", "password": "long enough", "experienceGroupIds": [group]}
    return {
        "experienceGroupId": group,
        "experienceUserId": (await bench.ok("POST", USERS, person))["id"],
    }


async def names_of(bench, path):
    execution_id = await bench.execute(path)
    await bench.end(path, execution_id)
    found = await bench.ok("GET", f"{path}/executions/{execution_id}/iterations")
    return [each["resourceName"] for each in found["items"]]


@pytest.mark.parametrize("field", ["experienceGroupId", "experienceUserId"])
async def test_what_an_owner_owns_by_id_tag_or_query_is_run_over(bench, owners, field):
    path = await bench.job(queryJson=json.dumps({field: owners[field]}))

    preview = await bench.ok("POST", f"{path}/preview", {})

    assert preview["count"] == 3
    assert await names_of(bench, path) == ["device 1", "device 2", "device 3"]


async def test_what_an_owner_does_not_own_is_run_over_when_that_is_asked(bench, owners):
    query = {"experienceGroupId": {"$ne": owners["experienceGroupId"]}}
    path = await bench.job(queryJson=json.dumps(query))

    assert await names_of(bench, path) == ["device 4", "device 5"]
