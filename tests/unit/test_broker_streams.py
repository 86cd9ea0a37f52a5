"""Streams of the broker are made as they are wanted, on as many brokers as there are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import BadRequestError, ServerError

from drover.mqtt.streams import MOST_ACKNOWLEDGED, OF_DEVICES, keep

WANTED = StreamConfig(name="S", subjects=["s.>"])


class Streams:
    """Streams of so many brokers; one may be there already, made otherwise."""

    def __init__(self, brokers, *, there=0):
        self.brokers = brokers
        self.there = there
        self.done = []
        self.made = None

    async def add_stream(self, config):
        if self.there:
            raise BadRequestError(code=400, err_code=10058, description="in use")
        if config.num_replicas > self.brokers:
            raise ServerError(code=500, err_code=10074, description="not clustered")
        self.done.append(("added", config.num_replicas))
        self.made = config

    async def stream_info(self, _name):
        return SimpleNamespace(config=StreamConfig(num_replicas=self.there))

    async def update_stream(self, config):
        self.done.append(("changed", config.num_replicas))
        self.made = config


@pytest.mark.parametrize(
    ("streams", "done"),
    [
        (Streams(3), ("added", 3)),
        (Streams(1), ("added", 1)),
        (Streams(3, there=1), ("changed", 1)),
        (Streams(3, there=3), ("changed", 3)),
    ],
)
async def test_as_many_brokers_keep_a_stream_as_can_or_did(streams, done):
    await keep(streams, WANTED)

    assert streams.done == [done]


async def test_a_stream_that_no_broker_can_keep_is_an_error():
    with pytest.raises(ServerError):
        await keep(Streams(0), WANTED)


@pytest.mark.parametrize("streams", [Streams(3), Streams(3, there=3)])
async def test_brokers_of_a_cluster_drop_nothing_that_they_acknowledged(streams):
    await keep(streams, OF_DEVICES[-1])

    assert streams.made.discard == DiscardPolicy.NEW
    assert streams.made.max_msgs == MOST_ACKNOWLEDGED
    assert (streams.made.max_bytes, streams.made.max_age) == (-1, 0)


@pytest.mark.parametrize("streams", [Streams(1), Streams(3, there=1)])
async def test_one_broker_keeps_the_newest_that_devices_have_not_taken(streams):
    await keep(streams, OF_DEVICES[-1])

    assert streams.made.discard != DiscardPolicy.NEW
    assert streams.made.max_bytes == OF_DEVICES[-1].max_bytes > 0
