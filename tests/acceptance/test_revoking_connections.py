"""Connections end when the right to them is taken away, and no other does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from drover.client import ClientError
from drover.mqtt.device import BAD_CREDENTIALS, ConnectionEnded, ConnectionRefused
from examples.serving import serving
from tests.support.field import Connected, Site, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.processes_measured

MOST_SAID = 10


@pytest.fixture(scope="module")
def server() -> Iterator:
    pace = {"mqtt_messages_in_15_seconds": MOST_SAID}
    with serving(roles="api,mqtt", workers=1, script_workers=1, **pace) as running:
        yield running


@pytest_asyncio.fixture
async def site(server) -> AsyncIterator[Site]:
    made = Site.new(server)
    yield made
    await made.close()


async def refused(site: Site, device_id: str, key: tuple[str, str]) -> bool:
    with pytest.raises(ConnectionRefused) as refusal:
        await site.connect(device_id, key)
    return refusal.value.code in BAD_CREDENTIALS


def key_path(site: Site, key: tuple[str, str]) -> str:
    keys = site.get("keys", perPage=100)["items"]
    return next(site.path(f"keys/{each['id']}") for each in keys if each["key"] == key[0])


@pytest.mark.parametrize("way", ["deleted", "set inactive"])
async def test_a_revoked_key_ends_the_connections_made_with_it(site, way):
    key = site.new_key()
    stays = await site.connect(site.device())
    goes = await site.connect(site.device(), key)

    if way == "deleted":
        site.serving.client.delete(key_path(site, key))
    else:
        site.serving.client.patch(key_path(site, key), {"status": "inactive"})

    await goes.ends()
    assert await refused(site, goes.id, key)
    await stays.client.publish(stays.state, b'{"data": {"level": 1}}')
    await eventually(lambda: not site.get(f"devices/{goes.id}")["connectionInfo"]["connected"])


async def test_a_deleted_device_is_cut_off(site):
    stays, goes = [await site.connect(site.device()) for _ in range(2)]

    site.serving.client.delete(site.path(f"devices/{goes.id}"))

    await goes.ends()
    assert await refused(site, goes.id, site.key)
    await stays.client.publish(stays.state, b'{"data": {"level": 1}}')


async def say_too_much(goes: Connected, topic: str) -> None:
    """Report once more than may be; the last one may be cut off before it is acknowledged."""
    with suppress(ConnectionEnded):
        for number in range(MOST_SAID + 1):
            await goes.client.publish(topic, b'{"data": {"level": %d}}' % number)


async def test_one_that_speaks_too_often_is_sent_away_and_what_it_said_is_kept(site):
    stays, goes = [await site.connect(site.device()) for _ in range(2)]

    await say_too_much(goes, goes.state)

    await goes.ends()
    await stays.client.publish(stays.state, b'{"data": {"level": 1}}')
    last = await eventually(lambda: site.get(f"devices/{goes.id}/compositeState").get("level"))
    assert last["value"] <= MOST_SAID


async def test_one_with_capitals_in_its_id_that_speaks_too_often_is_sent_away(site):
    device = site.device()
    goes = await site.connect(device.upper())

    await say_too_much(goes, f"losant/{device}/state")

    await goes.ends()


@pytest.mark.parametrize("kind", ["peripheral", "floating"])
async def test_a_gateway_that_speaks_too_often_for_another_is_sent_away(site, kind):
    gateway = site.device(deviceClass="gateway")
    whose = {"gatewayId": gateway} if kind == "peripheral" else {}
    behind = site.device(deviceClass=kind, **whose)
    goes = await site.connect(gateway)

    await say_too_much(goes, f"losant/{behind}/state")

    await goes.ends()


def test_so_much_may_be_published_on_a_topic(server):
    site = Site.new(server)
    for _ in range(MOST_SAID):
        site.post("mqttPublishMessage", {"topic": "t/a", "message": "m"})

    with pytest.raises(ClientError) as refused:
        site.post("mqttPublishMessage", {"topic": "t/a", "message": "m"})

    assert refused.value.status == 429
    site.post("mqttPublishMessage", {"topic": "t/b", "message": "m"})


async def test_the_devices_of_a_deleted_application_are_cut_off(site, server):
    foreign = Site.new(server)
    stays, goes = await site.connect(site.device()), await foreign.connect(foreign.device())

    server.client.delete(foreign.path("").rstrip("/"))

    await goes.ends()
    assert await refused(foreign, goes.id, foreign.key)
    await stays.client.publish(stays.state, b'{"data": {"level": 1}}')
