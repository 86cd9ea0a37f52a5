"""People watch topics, state and commands of a real server as they come, and publish."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from drover.client import ClientError
from drover.mqtt.device import publish
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.processes_measured


@pytest.fixture(scope="module")
def server() -> Iterator:
    roles = "api,engine,scheduler,mqtt"
    with serving(roles=roles, workers=1, script_workers=1, sweep_seconds=0.5) as running:
        yield running


@pytest_asyncio.fixture
async def site(server) -> AsyncIterator[Site]:
    made = Site.new(server)
    yield made
    await made.close()


@asynccontextmanager
async def watching(
    site: Site, rest: str, last_id: str = "", *, raw: bool = False, **query
) -> AsyncIterator[AsyncIterator[tuple[str, dict]]]:
    """Events as pairs of name and data, once the server watches; with ``raw`` its lines.

    That it is alive is told only where that was asked for: how often depends on the machine.
    """
    headers = {"authorization": f"Bearer {site.serving.client.token}", "accept": "application/json"}
    headers |= {"last-event-id": last_id} if last_id else {}
    async with (
        asyncio.timeout(PATIENCE_S),
        httpx.AsyncClient(base_url=site.serving.url, timeout=PATIENCE_S) as client,
        client.stream("GET", site.path(rest), params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert await anext(lines) == ": watching"
        yield lines if raw else _events(lines, keepalive="keepAliveInterval" in query)


async def lines_of_events(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The lines of events, without comments and what is between them."""
    async for line in lines:
        if line and not line.startswith(":"):
            yield line


async def _events(lines: AsyncIterator[str], *, keepalive: bool) -> AsyncIterator[tuple[str, dict]]:
    name = ""
    async for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
        elif keepalive and line == ": keepalive":
            yield "keepalive", {}


async def test_a_topic_is_watched_as_devices_publish_on_it(site):
    pump = await site.connect(site.device())
    async with watching(site, "mqttSubscriptionStream", topic="t/+") as events:
        await pump.client.publish("t/a", b'{"level": 1}')

        assert await anext(events) == ("mqttMessage", {"topic": "t/a", "message": '{"level": 1}'})


async def test_a_device_may_be_named_in_upper_case_where_it_is_watched(site):
    pump = await site.connect(site.device())
    topic = f"losant/{pump.id.upper()}/state"
    async with watching(site, "mqttSubscriptionStream", topic=topic) as events:
        await pump.client.publish(pump.state, b"1")

        assert (await anext(events))[1] == {"topic": pump.state, "message": "1"}


async def test_a_message_stays_on_one_line_for_readers_with_other_ends_of_lines(site):
    pump = await site.connect(site.device())
    text = "one\u0085two\u2028three\u2029four\x0cfive\r\nsix"
    async with watching(site, "mqttSubscriptionStream", topic="t/a") as events:
        await pump.client.publish("t/a", text.encode())

        assert (await anext(events))[1]["message"] == text


async def test_state_of_all_devices_can_be_watched_as_it_comes(site):
    pump = await site.connect(site.device())
    async with watching(site, "mqttSubscriptionStream", topic="losant/+/state") as events:
        await pump.client.publish(pump.state, b'{"data": {"level": 1}}')

        assert (await anext(events))[1]["topic"] == pump.state


async def test_state_of_one_device_is_watched_as_it_is_stored(site):
    pump, other = await site.connect(site.device()), await site.connect(site.device())
    async with watching(site, f"devices/{pump.id}/stateStream") as events:
        await other.client.publish(other.state, b'{"data": {"level": 1}}')
        await pump.client.publish(pump.state, b'{"data": {"level": "2", "odd": 1}}')
        name, first = await anext(events)
        site.post(f"devices/{pump.id}/state", {"data": {"level": 3}})
        _, second = await anext(events)

    assert (name, first["data"], second["data"]) == ("deviceState", {"level": 2}, {"level": 3})


async def test_what_is_too_long_to_be_told_is_kept_and_counted(site):
    device_id, unsent = site.device(), unsent_by(site)
    report = {"data": {"note": "\x01" * 60_000, "level": 1}}  # each six characters in JSON
    async with watching(site, f"devices/{device_id}/stateStream") as events:
        site.post(f"devices/{device_id}/state", report)

        assert (await anext(events))[1]["data"] == {"level": 1}
    assert site.get(f"devices/{device_id}/state")[0]["data"] == report["data"]
    assert unsent_by(site) == unsent + 1


def unsent_by(site) -> float:
    """How many messages were dropped on their way to the broker."""
    shown = httpx.get(f"{site.serving.url}/metrics", timeout=PATIENCE_S).text
    name = "drover_mqtt_unsent_total "
    return next(
        float(each.removeprefix(name)) for each in shown.splitlines() if each.startswith(name)
    )


async def test_a_blob_may_be_as_large_as_a_message_and_is_kept_and_watched(site):
    camera = await site.connect(site.device(attributes=[{"name": "photo", "dataType": "blob"}]))
    photo = "A" * (262_144 - len('{"data":{"photo":""}}'))
    async with watching(site, f"devices/{camera.id}/stateStream") as events:
        await camera.client.publish(
            camera.state, json.dumps({"data": {"photo": photo}}, separators=(",", ":")).encode()
        )

        assert (await anext(events))[1]["data"]["photo"] == photo
    kept = site.get(f"devices/{camera.id}/compositeState")
    assert kept["photo"]["value"] == photo


async def test_commands_of_a_device_are_watched(site):
    device_id = site.device()
    async with watching(site, f"devices/{device_id}/commandStream") as events:
        site.post(f"devices/{device_id}/command", {"name": "go", "payload": [1]})
        name, command = await anext(events)

    assert (name, command["name"], command["payload"]) == ("deviceCommand", "go", [1])


def talkative(site: Site) -> str:
    """A workflow with a button and two debug nodes."""
    nodes = [
        {
            "id": level,
            "type": "DebugNode",
            "config": {"message": f"{level} {{{{data.x}}}}", "property": "data", "level": level},
            "outputIds": [],
        }
        for level in ("info", "error")
    ]
    start = {"type": "virtualButton", "key": "press", "outputIds": [["info", "error"]]}
    return str(site.post("flows", {"name": "talks", "triggers": [start], "nodes": nodes})["id"])


def press(site: Site, flow_id: str, x: int) -> None:
    site.post(f"flows/{flow_id}/virtualButton", {"key": "press", "payload": {"x": x}})


async def test_what_a_workflows_debug_nodes_say_is_watched(site):
    flow_id, other = talkative(site), talkative(site)
    rest = f"flows/{flow_id}/debugStream"
    async with watching(site, rest) as all_of_it, watching(site, rest, level="error") as errors:
        press(site, other, 1)
        press(site, flow_id, 2)
        heard = [await anext(all_of_it), await anext(all_of_it), await anext(errors)]

    assert [(name, note["message"]) for name, note in heard] == [
        ("flowDebug", "info 2"),
        ("flowDebug", "error 2"),
        ("flowDebug", "error 2"),
    ]
    assert (heard[0][1]["payload"], heard[0][1]["flowVersion"]) == ({"x": 2}, "develop")


async def test_a_message_that_a_person_publishes_reaches_devices_and_watchers(site):
    pump = await site.connect(site.device())
    await pump.client.subscribe("t/#")
    async with watching(site, "mqttSubscriptionStream", topic="t/news") as events:
        site.post("mqttPublishMessage", {"topic": "t/news", "message": "hé"})

        assert (await anext(events))[1] == {"topic": "t/news", "message": "hé"}
        assert await pump.hears() == [("t/news", "hé".encode())]


async def test_state_and_commands_that_a_person_publishes_are_kept(site):
    pump = await site.connect(site.device())
    await pump.client.subscribe(pump.command)

    site.post("mqttPublishMessage", {"topic": pump.state, "message": '{"data": {"level": 4}}'})
    site.post("mqttPublishMessage", {"topic": pump.command, "message": '{"name": "go"}'})

    assert site.get(f"devices/{pump.id}/compositeState")["level"]["value"] == 4
    assert json.loads((await pump.hears())[0][1])["name"] == "go"


async def test_state_that_a_person_publishes_is_heard_on_its_topic_and_kept_once(site):
    gateway = site.device(deviceClass="gateway")
    pump = site.device(deviceClass="peripheral", gatewayId=gateway)
    topic, message = f"losant/{pump}/state", '[{"data": {"level": 4}}, {"data": {"level": 5}}]'
    speaker = await site.connect(gateway)
    await speaker.client.subscribe(topic)

    async with watching(site, "mqttSubscriptionStream", topic=topic) as events:
        upper = topic.replace(pump, pump.upper())
        site.post("mqttPublishMessage", {"topic": upper, "message": message})
        assert (await anext(events))[1] == {"topic": topic, "message": message}
    assert await speaker.hears() == [(topic, message.encode())]

    await speaker.client.publish(topic, b'{"data": {"level": 6}}')
    kept = await eventually(lambda: levels_with(site, pump, 6))
    assert kept == [5, 6]


def levels_with(site: Site, device_id: str, level: int) -> list[int]:
    """Return all levels that are kept once a level is: what came before it is stored by then."""
    kept = site.levels(device_id)
    return kept if level in kept else []


async def test_several_reports_that_a_person_publishes_at_once_are_kept(site):
    device_id = site.device()
    reports = [{"data": {"level": 1}, "time": -60_000}, {"data": {"level": 2}}]

    message = {"topic": f"losant/{device_id}/state", "message": json.dumps(reports)}
    site.post("mqttPublishMessage", message)

    kept = site.get(f"devices/{device_id}/state", limit=5)
    assert [each["data"]["level"] for each in kept] == [2, 1]


async def test_a_reader_that_comes_back_gets_what_it_missed(site):
    pump = await site.connect(site.device())
    async with watching(site, "mqttSubscriptionStream", topic="t/+", raw=True) as lines:
        await pump.client.publish("t/a", b"1")
        last_id = (await anext(lines_of_events(lines))).removeprefix("id: ")

    await pump.client.publish("t/a", b"2")
    await pump.client.publish("t/a", b"3")

    async with watching(site, "mqttSubscriptionStream", last_id, topic="t/+") as events:
        messages = [(await anext(events))[1]["message"] for _ in range(2)]
    assert messages == ["2", "3"]


async def test_a_reader_that_never_reads_is_cut_off_and_holds_nobody_up(site):
    pump = await site.connect(site.device())
    asleep = socket.socket()
    asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    asleep.connect(("127.0.0.1", int(site.serving.url.rsplit(":", 1)[1])))
    request = f"GET {site.path('mqttSubscriptionStream')}?topic=t/big HTTP/1.1\r\nHost: x\r\n"
    asleep.sendall(f"{request}Authorization: Bearer {site.serving.client.token}\r\n\r\n".encode())
    assert b"200" in asleep.recv(64)
    text = "x" * 16_000
    message = publish("t/big", text.encode())

    got = 0
    async with watching(site, "mqttSubscriptionStream", topic="t/big") as events:
        for _ in range(120):
            pump.client.send(message * 10)
            for _ in range(10):
                got += (await anext(events))[1]["message"] == text

    asleep.close()
    assert (got, streams_cut(site)) == (1200, 1)


def streams_cut(site: Site) -> float:
    lines = httpx.get(f"{site.serving.url}/metrics").text.splitlines()
    return next(
        float(line.split()[1]) for line in lines if line.startswith("drover_streams_cut_total ")
    )


async def test_a_stream_without_messages_stays_alive(site):
    async with watching(site, "mqttSubscriptionStream", topic="t/a", keepAliveInterval=1) as events:
        assert await anext(events) == ("keepalive", {})


@pytest.mark.parametrize("topic", ["", "a/#/b", "$SYS/#", "losant/#", "losant/x/y", "a b", "*"])
def test_filters_that_nobody_may_watch_are_refused(server, topic):
    site = Site.new(server)

    with pytest.raises(ClientError) as refused:
        site.get("mqttSubscriptionStream", topic=topic)

    assert refused.value.status == 400


@pytest.mark.parametrize("topic", ["a/+", "$SYS/a", "losant/x", "losantx", "a b", "a/>", "x" * 231])
def test_topics_that_nobody_may_publish_on_are_refused(server, topic):
    site = Site.new(server)

    with pytest.raises(ClientError) as refused:
        site.post("mqttPublishMessage", {"topic": topic, "message": "m"})

    assert refused.value.status == 400


def test_devices_of_others_can_be_neither_watched_nor_told(server):
    site, other = Site.new(server), Site.new(server)
    foreign, flow_id = other.device(), talkative(other)

    for rest in (
        f"devices/{foreign}/stateStream",
        f"devices/{foreign}/commandStream",
        f"flows/{flow_id}/debugStream",
    ):
        with pytest.raises(ClientError) as refused:
            site.get(rest)
        assert refused.value.status == 404
    command = {"topic": f"losant/{foreign}/command", "message": '{"name": "go"}'}
    with pytest.raises(ClientError) as refused:
        site.post("mqttPublishMessage", command)
    assert refused.value.status == 404
