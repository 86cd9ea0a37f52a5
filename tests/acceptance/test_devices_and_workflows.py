"""Workflows of a real server react to devices over MQTT, and jobs end by devices' replies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from examples.serving import serving
from tests.support.field import Site, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.processes_measured


@pytest.fixture(scope="module")
def server() -> Iterator:
    settings = {"sweep_seconds": 0.5, "min_iteration_timeout_ms": 200}
    roles = "api,engine,scheduler,mqtt"
    with serving(roles=roles, workers=1, script_workers=1, **settings) as running:
        yield running


@pytest_asyncio.fixture
async def site(server) -> AsyncIterator[Site]:
    made = Site.new(server)
    yield made
    await made.close()


def node(node_id: str, kind: str, config: dict, *following: str, **meta) -> dict:
    outputs = [list(following)]
    return {"id": node_id, "type": kind, "config": config, "meta": meta, "outputIds": outputs}


def flow(site: Site, triggers: list[tuple[str, str, dict]], *nodes: dict) -> str:
    starts = [
        {"type": kind, "key": key, "config": config, "outputIds": [[nodes[0]["id"]]]}
        for kind, key, config in triggers
    ]
    made = site.post("flows", {"name": "reacts", "triggers": starts, "nodes": list(nodes)})
    return str(made["flowId"] if "flowId" in made else made["id"])


def stored(site: Site, flow_id: str) -> dict:
    return site.get(f"flows/{flow_id}/storage")


def remember(key: str, path: str) -> dict:
    return node("keep", "StoreValueNode", {"keyName": key, "valueType": "path", "valuePath": path})


async def kept(site: Site, flow_id: str, key: str):
    return (await eventually(lambda: stored(site, flow_id).get(key) and stored(site, flow_id)))[key]


async def test_a_report_starts_the_workflows_that_wait_for_the_device_or_its_tag(site):
    pump = await site.connect(site.device(tags=[{"key": "hall", "value": "A"}]))
    by_id = flow(site, [("deviceId", pump.id, {})], remember("seen", "data"))
    by_tag = flow(site, [("deviceTag", "hall/", {})], remember("seen", "triggerId"))
    other = flow(site, [("deviceTag", "hall/B", {})], remember("seen", "data"))

    await pump.client.publish(pump.state, b'{"data": {"level": 5}, "time": 1700000000000}')
    await pump.client.publish(pump.state, b'{"data": {"level": 6}}')

    assert await kept(site, by_id, "seen") == {"level": 6}
    assert await kept(site, by_tag, "seen") == pump.id
    assert stored(site, other) == {}


async def test_coming_and_going_starts_workflows(site):
    device_id = site.device()
    came = flow(site, [("deviceIdConnect", device_id, {})], remember("method", "data.method"))
    went = flow(site, [("deviceIdDisconnect", device_id, {})], remember("why", "data"))

    pump = await site.connect(device_id)
    method = await kept(site, came, "method")
    for _ in range(3):
        await pump.client.publish(pump.state, b'{"data": {"level": 1}}')
    pump.client.close()

    assert method == "mqtt"
    why = await kept(site, went, "why")
    assert "disconnectReason" in why
    assert (why["messagesFromDevice"], why["messagesToDevice"]) == (3, 0)


RELAY = '["{{relayId}}", "{{relayType}}", "{{triggerId}}"]'


async def test_a_message_starts_the_workflow_that_waits_for_its_topic_once(site):
    count = node("keep", "StoreValueNode", {"keyName": "count", "valueType": "incr", "value": "1"})
    text = node(
        "text", "StoreValueNode", {"keyName": "text", "valueType": "path", "valuePath": "data"}
    )
    who = node("who", "StoreValueNode", {"keyName": "who", "valueType": "json", "value": RELAY})
    nodes = {**count, "outputIds": [["who"]]}, {**who, "outputIds": [["text"]]}, text
    flow_id = flow(site, [("mqttTopic", "jobs/+", {})], *nodes)
    pump = await site.connect(site.device())
    await site.listens(pump)

    await pump.client.publish("jobs/a", b"hello")

    assert await kept(site, flow_id, "text") == "hello"
    assert stored(site, flow_id)["count"] == 1
    assert stored(site, flow_id)["who"] == [pump.id, "device", "jobs/a"]


async def test_each_workflow_hears_all_that_its_filter_fits_and_none_what_the_broker_says(site):
    topic = {"keyName": "{{triggerId}} {{data}}", "valueType": "template", "value": "heard"}
    filters = ("jobs/a", "jobs/+", "jobs/#", "+/a", "#", "+/+/+")
    flows = {
        each: flow(site, [("mqttTopic", each, {})], node("keep", "StoreValueNode", topic))
        for each in filters
    }
    pump = await site.connect(site.device())
    await site.listens(pump)
    said = {f"jobs/a {number}" for number in range(10)}

    await pump.client.publish(pump.state, b'{"data": {"level": 1}}')
    await pump.client.publish("jobs/a/b", b"deep")
    for number in range(10):
        await pump.client.publish("jobs/a", b"%d" % number)

    for each in filters[:-1]:
        await eventually(lambda each=each: said <= stored(site, flows[each]).keys())
    await eventually(lambda: "jobs/a/b deep" in stored(site, flows["+/+/+"]))
    heard = {topic for each in flows.values() for topic in stored(site, each)}
    assert {topic for topic in heard if not topic.startswith("jobs/")} == set()


async def test_a_workflow_publishes_and_commands(site):
    pump, other = [await site.connect(site.device()) for _ in range(2)]
    await pump.client.subscribe("t/out")
    await other.client.subscribe(other.command)
    command = {
        "deviceIdsPath": "working.id",
        "nameTemplate": "open",
        "payloadTemplate": "[{{data.level}}]",
    }
    flow(
        site,
        [("deviceId", pump.id, {})],
        node(
            "say",
            "MqttMessageNode",
            {"topicTemplate": "t/out", "messageTemplate": "{{data.level}}"},
            "set",
        ),
        node(
            "set",
            "MutateNode",
            {
                "rules": [
                    {
                        "type": "set",
                        "destination": "working.id",
                        "valueTemplate": other.id,
                        "valueTemplateType": "string",
                    }
                ]
            },
            "tell",
        ),
        node("tell", "DeviceSendCommandNode", command, deviceSelectionType="payload"),
    )

    await pump.client.publish(pump.state, b'{"data": {"level": 9}}')

    assert await pump.hears() == [("t/out", b"9")]
    told = json.loads((await other.hears())[0][1])
    assert (told["name"], told["payload"]) == ("open", [9])


def command_job(site: Site, replies: tuple[str, str, dict], reply: dict, **pace) -> str:
    """Return a job whose iterations end when a device's reply has come."""
    query = json.dumps({"tags": {"$eq": {"fleet": "x"}}})
    body = {"name": "reboot", "resourceType": "device", "queryJson": query, **pace}
    job = str(site.post("resource-jobs", body)["id"])
    command = {
        "deviceIdsPath": "data.device.deviceId",
        "nameTemplate": "reboot",
        "payloadTemplate": '{"iterationId": "{{data.iterationId}}"}',
    }
    acknowledge = {
        "successExpression": "true",
        "iterationIdPath": "working.reply.iterationId",
        "resultPath": "working.ack",
    }
    starts = [("resourceJobIteration", job, {}, "tell"), (*replies, "read")]
    triggers = [
        {"type": kind, "key": key, "config": config, "outputIds": [[first]]}
        for kind, key, config, first in starts
    ]
    nodes = [
        node("tell", "DeviceSendCommandNode", command, deviceSelectionType="payload"),
        {**reply, "id": "read", "outputIds": [["end"]]},
        node("end", "ResourceJobAcknowledgeNode", acknowledge),
    ]
    site.post("flows", {"name": "reboots", "triggers": triggers, "nodes": nodes})
    return job


def status(site: Site, job: str, execution: str) -> dict:
    page = site.get(f"resource-jobs/{job}/executions", perPage=5)
    return next(each for each in page["items"] if each["id"] == execution)


@pytest.mark.parametrize("way", ["topic", "state"])
async def test_iterations_of_a_job_end_by_the_replies_of_devices(site, way):
    tags, attributes = [{"key": "fleet", "value": "x"}], [{"name": "done", "dataType": "string"}]
    pumps = [await site.connect(site.device(tags=tags, attributes=attributes)) for _ in range(3)]
    for pump in pumps:
        await pump.client.subscribe(pump.command)
    if way == "topic":
        trigger = ("mqttTopic", "jobs/+", {})
        reply = node("", "JsonDecodeNode", {"source": "data", "destination": "working.reply"})
    else:
        trigger = ("deviceTag", "fleet/x", {"attributeWhitelist": ["done"]})
        copy = {"type": "copy", "source": "data.done", "destination": "working.reply.iterationId"}
        reply = node("", "MutateNode", {"rules": [copy]})
    job = command_job(site, trigger, reply, iterationTimeout=10_000)
    await site.listens(pumps[0])

    execution = site.post(f"resource-jobs/{job}/execute", {})["executionId"]
    # The third one never answers, and that the first one does in its name is of no use.
    for pump, answers in zip(pumps, (pumps[0], pumps[1], pumps[0]), strict=True):
        iteration = json.loads((await pump.hears())[0][1])["payload"]["iterationId"]
        if way == "topic":
            said = json.dumps({"iterationId": iteration})
            await answers.client.publish(f"jobs/{pump.id}", said.encode())
        else:
            said = json.dumps({"data": {"done": iteration}})
            await answers.client.publish(answers.state, said.encode())

    def ended():
        return "runCompletedAt" in status(site, job, execution)

    await eventually(ended)
    iterations = site.get(f"resource-jobs/{job}/executions/{execution}/iterations")["items"]
    assert sorted(each["status"] for each in iterations) == ["succeeded", "succeeded", "timedOut"]


async def test_a_fleet_without_a_broker_is_told_so(site):
    site.device()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        command = [sys.executable, "-m", "drover.main", "simulate", "1"]
        command += ["--application", site.application_id, "--mqtt-port", str(port)]
        login = {"DROVER_URL": site.serving.url, "DROVER_TOKEN": str(site.serving.client.token)}
        pipe = asyncio.subprocess.PIPE
        fleet = await asyncio.create_subprocess_exec(
            *command, env=os.environ | login, stdout=pipe, stderr=pipe
        )
        out, err = await fleet.communicate()

    assert fleet.returncode != 0
    assert f"127.0.0.1:{port}" in (out + err).decode().replace("\n", "")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_simulated_fleet_leaves_no_access_key_behind_however_it_ends(site, end):
    device_id = site.device()
    login = {"DROVER_URL": site.serving.url, "DROVER_TOKEN": str(site.serving.client.token)}
    command = [sys.executable, "-m", "drover.main", "simulate", "1"]
    command += ["--application", site.application_id, "--mqtt-port", str(site.address[1])]
    fleet = await asyncio.create_subprocess_exec(
        *command, env=os.environ | login, preexec_fn=interruptible
    )
    await eventually(lambda: site.get(f"devices/{device_id}")["connectionInfo"].get("connected"))
    keys = [each.get("name") for each in site.get("keys")["items"]]

    fleet.send_signal(end)

    assert await fleet.wait() == 0
    assert "drover simulate" in keys
    assert "drover simulate" not in [each.get("name") for each in site.get("keys")["items"]]


def interruptible() -> None:
    """Let a child be interrupted, also where a shell runs the tests in its background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_a_simulated_fleet_answers_the_commands_of_a_job(site):
    pump = await site.connect(site.device())
    tags = [{"key": "fleet", "value": "x"}]
    device_ids = [site.device(tags=tags) for _ in range(4)]
    decode = node("", "JsonDecodeNode", {"source": "data", "destination": "working.reply"})
    job = command_job(site, ("mqttTopic", "jobs/replies/+", {}), decode, iterationTimeout=60_000)
    await site.listens(pump)
    query = json.dumps({"tags": {"$eq": {"fleet": "x"}}})
    command = [sys.executable, "-m", "drover.main", "simulate", "9", "--query", query]
    command += ["--application", site.application_id, "--mqtt-port", str(site.address[1])]
    login = {"DROVER_URL": site.serving.url, "DROVER_TOKEN": str(site.serving.client.token)}
    fleet = await asyncio.create_subprocess_exec(
        *(*command, "--delay-seconds", "0.1", "--report-seconds", "1"),
        env=os.environ | login,
        preexec_fn=interruptible,
    )

    def heard():
        """Each has reported, which it begins when it hears commands."""
        return all(site.get(f"devices/{each}/compositeState") for each in device_ids)

    await eventually(heard)
    execution = site.post(f"resource-jobs/{job}/execute", {})["executionId"]
    await eventually(lambda: "runCompletedAt" in status(site, job, execution))
    iterations = site.get(f"resource-jobs/{job}/executions/{execution}/iterations")["items"]
    fleet.send_signal(signal.SIGINT)

    assert [each["status"] for each in iterations] == ["succeeded"] * 4
    assert await fleet.wait() == 0
