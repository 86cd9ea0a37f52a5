"""Devices connected to a real server: what they say is kept, what they are told reaches them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING

import aiomqtt
import httpx
import pytest
import pytest_asyncio

from drover.mqtt.device import (
    BAD_CREDENTIALS,
    REFUSED_FILTER,
    ConnectionRefused,
    DeviceClient,
    framed,
    publish,
)
from examples.serving import serving
from tests.support.field import PATIENCE_S, Site, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.processes_measured


ROLES = "api,engine,scheduler,mqtt"


@pytest.fixture(scope="module")
def server() -> Iterator:
    with serving(roles=ROLES, workers=1, script_workers=1, sweep_seconds=0.5) as running:
        yield running


@pytest_asyncio.fixture
async def site(server) -> AsyncIterator[Site]:
    made = Site.new(server)
    yield made
    await made.close()


async def test_what_a_device_reports_is_kept(site):
    pump = await site.connect(site.device())

    await pump.client.publish(pump.state, b'{"data": {"level": "7", "unknown": 1}}')

    values = await eventually(lambda: site.get(f"devices/{pump.id}/compositeState"))
    assert {name: each["value"] for name, each in values.items()} == {"level": 7}
    pump.client.close()


async def test_a_common_client_reports_and_is_told(site):
    device_id = site.device()
    key, secret = site.key
    async with aiomqtt.Client(
        *site.address, identifier=device_id, username=key, password=secret, timeout=60
    ) as client:
        await client.subscribe(f"losant/{device_id}/command", qos=1)
        await client.publish(f"losant/{device_id}/state", '{"data": {"level": 3}}', qos=1)
        site.post(f"devices/{device_id}/command", {"name": "open", "payload": {"far": True}})
        message = await anext(aiter(client.messages))

    command = json.loads(message.payload)
    assert (command["name"], command["payload"]) == ("open", {"far": True})
    assert command["time"]["$date"].endswith("Z")
    assert "." in command["time"]["$date"]
    kept = await eventually(lambda: site.get(f"devices/{device_id}/compositeState"))
    assert kept["level"]["value"] == 3
    assert site.get(f"devices/{device_id}/command")[0]["name"] == "open"


async def test_of_reports_that_come_together_those_are_kept_that_can_be_read(site):
    pump = await site.connect(site.device())
    node = {"id": "k", "type": "StoreValueNode", "outputIds": [[]]}
    node["config"] = {
        "keyName": "{{{original}}}",
        "valueType": "template",
        "value": "{{data.level}}",
    }
    trigger = {"type": "deviceId", "key": pump.id, "outputIds": [["k"]]}
    trigger["config"] = {"triggerOn": "both", "allowInvalid": True}
    flow = site.post("flows", {"name": "hears", "triggers": [trigger], "nodes": [node]})
    told = [{"data": {"level": 1}, "time": -9000}, {"level": 2}, {"data": {"level": 3}}]

    await pump.client.publish(pump.state, json.dumps(told).encode())

    await eventually(lambda: site.levels(pump.id) == [1, 3])
    stored = await eventually(lambda: site.get(f"flows/{flow['id']}/storage"))
    assert json.dumps(told) in stored


async def test_a_command_for_many_reaches_those_connected_that_have_the_tag(site):
    tagged, other = site.device(tags=[{"key": "hall", "value": "A"}]), site.device()
    devices = [await site.connect(each) for each in (tagged, other)]
    for each in devices:
        await each.client.subscribe(each.command)

    site.post("devices/command", {"name": "stop", "deviceTags": [{"key": "hall"}]})
    site.post(f"devices/{other}/command", {"name": "last"})

    assert [json.loads(p)["name"] for _, p in await devices[0].hears()] == ["stop"]
    assert [json.loads(p)["name"] for _, p in await devices[1].hears()] == ["last"]


async def test_coming_and_going_is_shown_and_logged(site):
    pump = await site.connect(site.device())
    here = await eventually(lambda: site.get(f"devices/{pump.id}")["connectionInfo"]["connected"])

    pump.client.close()
    await eventually(lambda: not site.get(f"devices/{pump.id}")["connectionInfo"]["connected"])

    assert here == 1
    went, came = site.get(f"devices/{pump.id}/logs", limit=5)
    assert (came["connected"], went["connected"]) == (1, 0)
    assert went["disconnectReason"] == "Client Closed"


@pytest.mark.parametrize("wrong", ["secret", "key", "device", "nothing"])
async def test_wrong_credentials_are_refused_with_the_code_that_clients_know(site, wrong):
    device_id = site.device()
    key, secret = site.key
    given = {
        "secret": (device_id, (key, "wrong")),
        "key": (device_id, ("wrong", secret)),
        "device": ("5" * 24, site.key),
        "nothing": (device_id, ("", "")),
    }[wrong]

    with pytest.raises(ConnectionRefused) as refused:
        await DeviceClient.connect(site.address, *given)

    assert refused.value.code in BAD_CREDENTIALS


async def test_a_key_for_some_devices_lets_no_other_in(site):
    mine, other = site.device(), site.device()
    key = site.new_key(deviceIds=[mine])

    allowed = await site.connect(mine, key)
    with pytest.raises(ConnectionRefused):
        await site.connect(other, key)

    assert allowed.id == mine


@pytest.mark.parametrize("topic", ["losant/{other}/state", "losant/{other}/command", "losantx/a"])
async def test_a_message_on_a_topic_of_others_reaches_nobody(site, topic):
    pump, other = await site.connect(site.device()), await site.connect(site.device())
    await other.client.subscribe(other.command)

    await pump.client.publish(topic.format(other=other.id), b'{"data": {"level": 1}}', qos=0)
    await pump.client.publish(pump.state, b'{"data": {"level": 2}}')
    site.post(f"devices/{other.id}/command", {"name": "last"})

    await eventually(lambda: site.get(f"devices/{pump.id}/compositeState"))
    assert site.get(f"devices/{other.id}/compositeState") == {}
    assert [json.loads(payload)["name"] for _, payload in await other.hears()] == ["last"]


@pytest.mark.parametrize(
    "topic",
    [
        "losant/{other}/command",
        "losant/+/command",
        "losant/#",
        "+/{other}/command",
        "#",
        "+/#",
        "$SYS/#",
        "$MQTT/#",
        "$MQTT/msgs/#",
        "$JS/#",
        "unlisted/topic",
    ],
)
async def test_filters_beyond_what_is_the_devices_own_are_refused(site, topic):
    pump, other = await site.connect(site.device()), site.device()

    granted = await pump.client.subscribe(topic.format(other=other))

    assert granted == REFUSED_FILTER


async def test_devices_of_an_application_share_free_topics(site):
    listener, speaker = [await site.connect(site.device()) for _ in range(2)]
    await listener.client.subscribe("t/#", 1)

    await speaker.client.publish("t/a", b"hello")

    assert await listener.hears() == [("t/a", b"hello")]


async def test_messages_of_256_kb_are_taken_whole(site):
    listener, speaker = [await site.connect(site.device()) for _ in range(2)]
    await listener.client.subscribe("t/#", 1)
    message, report = b"x" * 262_144, b'{"data": {"level": 5}}'.ljust(262_144)

    await speaker.client.publish("t/" + "a" * 500, message)
    await speaker.client.publish(speaker.state, report)

    assert await listener.hears() == [("t/" + "a" * 500, message)]
    kept = await eventually(lambda: site.get(f"devices/{speaker.id}/compositeState"))
    assert kept["level"]["value"] == 5


async def test_a_gateway_listens_for_more_than_a_thousand_devices_at_qos_1(site):
    hub, speaker = [await site.connect(site.device()) for _ in range(2)]

    granted = [await hub.client.subscribe(f"t/{number}", 1) for number in range(1010)]
    await speaker.client.publish("t/1009", b"heard")

    assert set(granted) == {1}
    assert await hub.hears() == [("t/1009", b"heard")]


async def test_nothing_of_100_000_foreign_messages_is_heard(site, server):
    foreign = Site.new(server)
    ours, theirs = await site.connect(site.device()), await foreign.connect(foreign.device())
    site.connected += foreign.connected
    await ours.client.subscribe("t/#")

    foreign_topics = ("t/a", f"losant/{ours.id}/command", f"losant/{ours.id}/state", "$SYS/a")
    flood = b"".join(publish(topic, b'{"data": {"level": 1}}') for topic in foreign_topics)
    await ours.client.subscribe(ours.command)
    for _ in range(100):
        theirs.client.send(flood * 250)
        await theirs.client.publish("t/a", b"{}")  # acknowledged after all before it
    await ours.client.publish("t/a", b"mine")
    site.post(f"devices/{ours.id}/command", {"name": "last"})

    heard = await ours.hears(2)
    assert heard[0] == ("t/a", b"mine")
    assert [json.loads(payload)["name"] for _, payload in heard[1:]] == ["last"]
    assert site.get(f"devices/{ours.id}/compositeState") == {}


async def test_a_key_opens_only_the_topics_on_its_list(site):
    key = site.new_key(filterType="whitelist", pubTopics=["up/#", "#"], subTopics=["down/+"])
    pump = await site.connect(site.device(), key)

    granted = [await pump.client.subscribe(each) for each in ("down/a", "down/#", "up/a", "t/a")]

    assert granted == [0, REFUSED_FILTER, REFUSED_FILTER, REFUSED_FILTER]


async def test_what_a_key_bars_is_held_back_behind_a_wildcard(site):
    key = site.new_key(filterType="blacklist", pubTopics=[], subTopics=["t/secret/#"])
    pump, speaker = await site.connect(site.device(), key), await site.connect(site.device())

    granted = [await pump.client.subscribe(each) for each in ("t/#", "t/secret/a")]
    await speaker.client.publish("t/secret/a", b"1")
    await speaker.client.publish("t/open", b"2")

    assert granted == [0, REFUSED_FILTER]
    assert await pump.hears() == [("t/open", b"2")]


@pytest.mark.parametrize(
    ("barred", "left"), [("#", []), ("+", ["t/a", "t/b"]), ("+/a", ["t/b"]), ("+/#", [])]
)
async def test_a_key_that_bars_topics_of_any_first_level_does(site, barred, left):
    key = site.new_key(filterType="blacklist", pubTopics=[barred], subTopics=[barred])
    pump, other = await site.connect(site.device(), key), await site.connect(site.device())
    await other.client.subscribe("t/#", 1)

    for topic in ("t/a", "t/b"):
        await pump.client.publish(topic, b"", qos=0)
    await pump.client.publish(pump.state, b'{"data": {"level": 1}}')
    await other.client.publish("t/last", b"")

    granted = [await pump.client.subscribe(each) for each in ("t/a", "t/b", pump.command)]
    assert [topic for topic, _ in await other.hears(len(left) + 1)] == [*left, "t/last"]
    assert [code for code in granted if code != REFUSED_FILTER] == [0] * (len(left) + 1)
    kept = await eventually(lambda: site.get(f"devices/{pump.id}/compositeState"))
    assert kept["level"]["value"] == 1


async def test_a_key_that_lists_topics_of_any_first_level_gives_those_that_are_free(site):
    key = site.new_key(filterType="whitelist", pubTopics=["#"], subTopics=["+/a"])
    pump, other = await site.connect(site.device(), key), await site.connect(site.device())
    await other.client.subscribe("t/#", 1)

    await pump.client.publish("t/b", b"heard")
    wanted = ("t/a", "t/b", "unlisted/a", f"losant/{other.id}/command", "#")
    granted = [await pump.client.subscribe(each) for each in wanted]

    assert await other.hears() == [("t/b", b"heard")]
    assert granted == [0, *[REFUSED_FILTER] * 4]


async def test_topics_that_workflows_wait_for_and_publish_on_are_open(site):
    trigger = {"type": "mqttTopic", "key": "replies/+", "config": {}, "outputIds": []}
    config = {"topicTemplate": "notices/{{data.hall}}", "messageTemplate": "m"}
    node = {"id": "n", "type": "MqttMessageNode", "config": config, "outputIds": [[]]}
    site.post("flows", {"name": "listens", "triggers": [trigger], "nodes": [node]})

    pump = await site.connect(site.device())

    granted = [await pump.client.subscribe(each) for each in ("replies/1", "notices/#", "other/1")]
    assert granted == [0, 0, REFUSED_FILTER]


async def test_a_gateway_speaks_and_listens_for_what_is_behind_it(site):
    gateway = site.device(deviceClass="gateway")
    behind = site.device(deviceClass="peripheral", gatewayId=gateway)
    open_to_all = site.device(deviceClass="floating")
    other = site.device(deviceClass="peripheral", gatewayId=site.device(deviceClass="gateway"))
    hub = await site.connect(gateway)

    granted = [
        await hub.client.subscribe(f"losant/{each}/command")
        for each in (behind, open_to_all, other)
    ]
    for each in (behind, open_to_all, other):
        await hub.client.publish(f"losant/{each}/state", b'{"data": {"level": 2}}', qos=0)
    site.post(f"devices/{behind}/command", {"name": "go"})

    assert granted == [0, 0, REFUSED_FILTER]
    assert [topic for topic, _ in await hub.hears()] == [f"losant/{behind}/command"]
    await eventually(lambda: site.get(f"devices/{open_to_all}/compositeState"))
    kept = [site.get(f"devices/{each}/compositeState") for each in (behind, open_to_all, other)]
    assert [len(each) for each in kept] == [1, 1, 0]


async def test_a_persistent_session_is_ended_and_nothing_is_kept_for_its_device(site):
    device_id = site.device()

    await listen_on_a_persistent_session(site, device_id)
    site.post(f"devices/{device_id}/command", {"name": "missed"})
    pump = await site.connect(device_id)
    await pump.client.subscribe(pump.command, 1)
    site.post(f"devices/{device_id}/command", {"name": "heard"})

    assert [json.loads(payload)["name"] for _, payload in await pump.hears()] == ["heard"]


async def listen_on_a_persistent_session(site: Site, device_id: str) -> None:
    """Ask for one and listen for commands, and return when the connection has been ended.

    That may be before either is answered, for which a whole client would wait in vain.
    """
    texts = [each.encode() for each in (device_id, *site.key, f"losant/{device_id}/command")]
    *login, topic = [len(each).to_bytes(2, "big") + each for each in texts]
    reader, writer = await asyncio.open_connection(*site.address)
    writer.write(framed(0x10, b"\x00\x04MQTT\x04\xc0\x00\x3c" + b"".join(login)))
    writer.write(framed(0x82, b"\x00\x01" + topic + b"\x01"))
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    writer.close()


async def test_the_last_will_of_a_device_is_bound_by_its_rights(site):
    pump, other = site.device(), site.device()
    for topic_of in (other, pump):
        await die_with_a_will(site, pump, f"losant/{topic_of}/state", '{"data": {"level": 1}}')

    await eventually(lambda: site.get(f"devices/{pump}/compositeState"))

    assert site.get(f"devices/{other}/compositeState") == {}


async def die_with_a_will(site: Site, device_id: str, topic: str, message: str) -> None:
    """Connect with a last will, and break off without a goodbye."""
    texts = (device_id, topic, message, *site.key)
    fields = b"".join(len(each).to_bytes(2, "big") + each.encode() for each in texts)
    reader, writer = await asyncio.open_connection(*site.address)
    writer.write(framed(0x10, b"\x00\x04MQTT\x04\xc6\x00\x3c" + fields))
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    writer.transport.abort()


async def test_a_second_connection_of_a_device_ends_the_first(site):
    device_id = site.device()
    first = await site.connect(device_id)

    second = await site.connect(device_id)

    await first.ends()
    await second.client.publish(second.state, b'{"data": {"level": 1}}')
    await eventually(lambda: len(site.get(f"devices/{device_id}/logs", limit=9)) == 3)
    assert site.get(f"devices/{device_id}")["connectionInfo"]["connected"] == 1


async def test_a_retained_message_is_heard_by_those_present_and_by_nobody_later(site):
    speaker, present = [await site.connect(site.device()) for _ in range(2)]
    await present.client.subscribe("t/#")

    speaker.client.send(framed(0x31, b"\x00\x03t/akept"))
    assert await present.hears() == [("t/a", b"kept")]
    late = await site.connect(site.device())
    await late.client.subscribe("t/#")
    await speaker.client.publish("t/b", b"new")

    assert await late.hears() == [("t/b", b"new")]


async def test_reports_of_moments_too_far_away_are_passed_over(site):
    pump = await site.connect(site.device())
    now_ms = int(time.time() * 1000)

    for moment in (now_ms + 90_000_000, now_ms - 31 * 86_400_000):
        body = {"data": {"level": 1}, "time": moment}
        await pump.client.publish(pump.state, json.dumps(body).encode())
    await pump.client.publish(pump.state, b'{"data": {"note": "ok"}}')

    kept = await eventually(lambda: site.get(f"devices/{pump.id}/compositeState"))
    assert set(kept) == {"note"}


async def test_what_devices_do_is_counted(site):
    pump = await site.connect(site.device())
    with pytest.raises(ConnectionRefused):
        await DeviceClient.connect(site.address, pump.id, (site.key[0], "wrong"))
    await pump.client.publish(pump.state, b"not json")
    await pump.client.publish("unlisted/topic", b"dropped")

    def counted():
        text = httpx.get(f"{site.serving.url}/metrics").text
        found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[:1] != "#")
        names = ("admitted", "refused", "unreadable", "not_theirs")
        return all(float(found[f"drover_mqtt_{name}_total"]) > 0 for name in names)

    await eventually(counted)


async def test_a_storm_of_connections_lets_in_who_is_right_and_disturbs_nobody(site):
    present, device_ids = await site.connect(site.device()), [site.device() for _ in range(20)]
    wrong = (site.key[0], "wrong")

    attempts = [site.connect(each, key) for each in device_ids for key in (wrong, site.key, wrong)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    await present.client.publish(present.state, b'{"data": {"level": 1}}')

    refused = [each for each in outcomes if isinstance(each, ConnectionRefused)]
    assert {each.code for each in refused} <= set(BAD_CREDENTIALS)
    assert (len(refused), len(outcomes)) == (40, 60)


async def test_a_device_that_never_reads_is_cut_off_and_holds_nobody_up(site):
    asleep, speaker, listener = [await site.connect(site.device()) for _ in range(3)]
    for each in (asleep, listener):
        await each.client.subscribe("t/big")
    asleep.client._transport.pause_reading()
    message = b"x" * 200_000

    for number in range(200):
        await speaker.client.publish("t/big", message)
        await listener.hears(number + 1)

    def cut_off() -> bool:
        return site.get(f"devices/{asleep.id}")["connectionInfo"]["connected"] == 0

    await eventually(cut_off)
    assert "Slow Consumer" in site.get(f"devices/{asleep.id}/logs", limit=1)[0]["disconnectReason"]
    assert all(len(payload) == len(message) for _, payload in listener.heard)
    asleep.client.abort()


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[1, 2]", b'{"data": 1}', b'{"data": {"level": {"deep": 1}}}', b"\xff\xfe"],
)
async def test_what_is_no_report_is_passed_over(site, body):
    pump = await site.connect(site.device())

    await pump.client.publish(pump.state, body)
    await pump.client.publish(pump.state, b'[{"data": {"note": "ok"}, "extra": 1}]')

    kept = await eventually(lambda: site.get(f"devices/{pump.id}/compositeState"))
    assert set(kept) == {"note"}


@pytest.mark.parametrize(
    "data",
    [
        framed(0x34, b"\x00\x03t/a\x00\x01"),  # QoS 2
        framed(0x30, b"\x00\x03t/a" + b"x" * 300_000),
        framed(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"),
        framed(0x30, b"\x00\x03t/+"),
        framed(0xF0, b""),
    ],
    ids=["qos 2", "too large", "connect again", "wildcard", "no packet"],
)
async def test_what_is_not_allowed_ends_that_connection_alone(site, data):
    pump, other = await site.connect(site.device()), await site.connect(site.device())

    pump.client.send(data)

    await pump.ends()
    await other.client.publish("t/a", b"")
