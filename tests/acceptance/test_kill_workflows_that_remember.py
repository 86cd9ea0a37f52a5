"""A server is killed after nodes that remember let a run pass: the run is made again and passes."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import httpx
import pytest

from examples.serving import serving
from tests.acceptance.test_resource_jobs_with_the_vendors_client import new_database
from tests.support.field import PATIENCE_S, Site, eventually

SETTINGS = {
    "workers": 1,
    "script_workers": 1,
    "sweep_seconds": 0.5,
    "lease_seconds": 3,
    "heartbeat_seconds": 1,
    "admin_password": "secret-of-tests-1",
}
NODES = {
    "latch": ("LatchNode", {"latchExpression": "{{data.body.n}} == 2"}),
    "throttle": ("ThrottleNode", {"ratePerMinute": 1, "throttleIdTemplate": "{{data.body.n}}"}),
    "change": ("BranchOnChangeNode", {"valuePath": "data.body.n"}),
}


def keep(node_id: str, *following: str) -> dict:
    """A node that stores a key of its own id and the number that was sent."""
    config = {"keyName": node_id + "{{data.body.n}}", "valueType": "template", "value": "yes"}
    outputs = [list(following)]
    return {"id": node_id, "type": "StoreValueNode", "config": config, "outputIds": outputs}


def branch(name: str) -> list[dict]:
    """A node that remembers; behind it the run is noted, waits and is noted again."""
    kind, config = NODES[name]
    begun, waits, ended, other = f"{name}-begun", f"{name}-waits", f"{name}-ended", f"{name}-other"
    pause = {"delay": "{{data.body.wait}}"}
    return [
        {"id": name, "type": kind, "config": config, "outputIds": [[other], [begun]]},
        keep(begun, waits),
        {"id": waits, "type": "DelayNode", "config": pause, "outputIds": [[ended]]},
        keep(ended),
        keep(other),
    ]


def reacting(site: Site) -> tuple[str, str]:
    """Make a workflow of a webhook, and return its id and the path of calls."""
    hook = site.post("webhooks", {"name": "calls"})
    start = {"type": "webhook", "key": hook["id"], "config": {}, "outputIds": [list(NODES)]}
    nodes = [node for name in NODES for node in branch(name)]
    flow = site.post("flows", {"name": "reacts", "triggers": [start], "nodes": nodes})
    return flow["id"], f"/webhooks/{hook['token']}"


async def call(site: Site, path: str, number: int, wait: int) -> None:
    body = {"n": number, "wait": wait}
    answer = await asyncio.to_thread(httpx.post, site.serving.url + path, json=body)
    answer.raise_for_status()


def all_kept(site: Site, flow_id: str, *keys: str) -> bool:
    return set(keys) <= site.get(f"flows/{flow_id}/storage").keys()


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_what_a_node_let_pass_before_a_kill_passes_again_after_it(request, tmp_path, store):
    shared = dict(SETTINGS)
    if store == "postgres":
        server = request.getfixturevalue("postgres_server")
        shared["database"] = await asyncio.to_thread(new_database, server)
        shared["blobs"] = str(tmp_path / "blobs")
        shared["report_key"] = "a secret that both of them know"
    with ExitStack() as servers:
        running = servers.enter_context(serving(str(tmp_path / "a"), **shared))
        site = Site.new(running)
        flow_id, path = reacting(site)
        await call(site, path, 1, wait=0)
        await eventually(lambda: all_kept(site, flow_id, "latch-other1", "throttle-ended1"))
        await eventually(lambda: all_kept(site, flow_id, "change-other1"))

        await call(site, path, 2, wait=5)
        begun = [f"{name}-begun2" for name in NODES]
        await eventually(lambda: all_kept(site, flow_id, *begun))
        running.process.kill()
        await asyncio.to_thread(running.process.wait, PATIENCE_S)

        folder = "a" if store == "sqlite" else "b"
        site.serving = servers.enter_context(serving(str(tmp_path / folder), **shared))
        ends = [f"{name}-ended2" for name in NODES]
        await eventually(lambda: all_kept(site, flow_id, *ends))
        others = {f"{name}-other2" for name in NODES}
        assert not others & site.get(f"flows/{flow_id}/storage").keys()
