"""A broker of three is away when an application is first used, comes back, and another is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.api import StreamConfig

from drover.mqtt.accounts import PLATFORM
from drover.mqtt.state_feed import STREAM
from drover.mqtt.streams import OF_DEVICES, OF_SESSIONS
from examples.serving import serving
from tests.support.clusters import (
    KEY,
    cluster,
    have_led,
    leader,
    linked,
    report_on,
    told_of,
)
from tests.support.field import PATIENCE_S, Site, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.mqtt.link import Link
    from tests.support.clusters import Cluster

MESSAGES = "$MQTT_msgs"


async def lose_sight_of_one(brokers: Cluster) -> None:
    """Have two brokers that belong to a cluster of three, and do not know the third one."""
    await brokers.is_there(0, 1, 2)
    async with linked(brokers.addresses) as link:
        streams = (await link.client(PLATFORM)).jetstream()
        async with asyncio.timeout(2 * PATIENCE_S):
            while not await told_of(link, PLATFORM, "MET"):
                with suppress(NatsError, TimeoutError):
                    await streams.add_stream(StreamConfig(name="MET", num_replicas=3))
        await streams.delete_stream("MET")
    for number in (2, 1, 0):
        brokers.stop(number)
    for number in (0, 1):
        brokers.start(number)
    await brokers.is_there(0, 1)


async def keepers(link: Link, places: Sequence[tuple[str, str]]) -> list[int]:
    """How many brokers have all that streams keep, stream by stream."""
    found = [await told_of(link, *each) for each in places]
    peers = [info.cluster.replicas or [] if info and info.cluster else [] for info in found]
    return [1 + sum(bool(each.current) for each in those) for those in peers]


async def have_kept(link: Link, places: Sequence[tuple[str, str]], by: int) -> None:
    """Wait until so many brokers have all that these streams keep."""
    async with asyncio.timeout(2 * PATIENCE_S):
        while await keepers(link, places) != [by] * len(places):
            await asyncio.sleep(0.2)


async def test_an_application_that_was_first_used_without_one_broker_may_lose_another(tmp_path):
    with cluster(tmp_path) as brokers:
        await lose_sight_of_one(brokers)
        settings = {"roles": "api,mqtt", "nats": brokers.addresses, "mqtt_key": KEY}
        with serving(**settings, workers=1, script_workers=1) as server:
            site = Site.new(server)
            site.port = brokers.ports[0]
            device_id = site.device()
            ends = asyncio.Event()
            reporting = asyncio.create_task(report_on(site, device_id, ends))
            await eventually(lambda: site.levels(device_id))

            own = [(site.application_id, str(each.name)) for each in (*OF_DEVICES, *OF_SESSIONS)]
            async with linked(brokers.addresses) as link:
                await have_kept(link, [*own, (PLATFORM, STREAM)], 2)
                brokers.start(2)
                await have_kept(link, [*own, (PLATFORM, STREAM)], 3)
                await have_led(link, site.application_id, MESSAGES, "drover-1")
                brokers.kill(1)
                async with asyncio.timeout(2 * PATIENCE_S):
                    while await leader(link, site.application_id, MESSAGES) in (None, "drover-1"):
                        await asyncio.sleep(0.2)
            before = len(site.levels(device_id))
            await eventually(lambda: len(site.levels(device_id)) > before)
            ends.set()
            acknowledged, again = await reporting

            await eventually(lambda: acknowledged <= set(site.levels(device_id)))
            found = site.levels(device_id)
            assert {each for each in found if found.count(each) > 1} <= again
            await site.close()
