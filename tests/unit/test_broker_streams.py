"""Streams of the broker are made as they are wanted, on as many brokers as there are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import DiscardPolicy, StreamConfig
from nats.js.errors import BadRequestError, ServerError, ServiceUnavailableError

from drover.mqtt.replicas import Replicas
from drover.mqtt.streams import MOST_ACKNOWLEDGED, OF_DEVICES, keep, may_pass

WANTED = StreamConfig(name="S", subjects=["s.>"])
OTHER = StreamConfig(name="T", subjects=["t.>"])

ALONE = ServerError(code=500, err_code=10074, description="not clustered")
UNKNOWN = BadRequestError(code=400, err_code=10005, description="no suitable peers")
ELECTING = ServiceUnavailableError(code=503, err_code=10008, description="unavailable")


class Streams:
    """Streams of so many brokers, in a cluster where there are several."""

    is_closed = False

    def __init__(self, brokers, *, there=0, refusal=None):
        self.brokers = brokers
        self.refusal = refusal or (UNKNOWN if brokers > 1 else ALONE)
        self.failing = None
        self.done = []
        self.made = {}
        if there:
            for each in (WANTED, OF_DEVICES[-1]):
                self.made[each.name] = each.evolve(num_replicas=there, description="former")

    def jetstream(self):
        return self

    def _may(self, config):
        if config.num_replicas > self.brokers:
            raise self.refusal

    async def add_stream(self, config):
        if self.failing:
            raise self.failing
        before = self.made.get(config.name, config)
        if before != config:
            raise BadRequestError(code=400, err_code=10058, description="in use")
        self._may(config)
        if config.name not in self.made:
            self.done.append(("added", config.num_replicas))
        self.made[config.name] = config
        return SimpleNamespace(config=config)

    async def stream_info(self, name):
        return SimpleNamespace(config=self.made[name])

    async def update_stream(self, config):
        if config.num_replicas != self.made[config.name].num_replicas:
            self._may(config)
        self.done.append(("changed", config.num_replicas))
        self.made[config.name] = config
        return SimpleNamespace(config=config)


@pytest.mark.parametrize(
    ("streams", "done"),
    [
        (Streams(3), ("added", 3)),
        (Streams(2), ("added", 2)),
        (Streams(1), ("added", 1)),
        (Streams(3, there=3), ("changed", 3)),
        (Streams(5, there=5), ("changed", 5)),
        (Streams(1, there=1), ("changed", 1)),
        (Streams(3, there=1), ("changed", 3)),
        (Streams(3, there=2), ("changed", 3)),
        (Streams(2, there=2), ("changed", 2)),
        (Streams(2, there=1), ("changed", 2)),
        (Streams(2, there=3), ("changed", 3)),
    ],
)
async def test_as_many_brokers_keep_a_stream_as_can_or_did(streams, done):
    await keep(streams, WANTED)

    assert streams.done == [done]


@pytest.mark.parametrize("refusal", [ELECTING, ServerError(code=500, err_code=10000)])
async def test_what_brokers_refuse_without_saying_how_many_there_are_is_an_error(refusal):
    streams = Streams(2, refusal=refusal)

    with pytest.raises(type(refusal)):
        await keep(streams, WANTED)

    assert streams.done == []


async def test_brokers_of_a_cluster_that_know_no_other_make_no_stream():
    streams = Streams(1, refusal=UNKNOWN)

    with pytest.raises(BadRequestError):
        await keep(streams, WANTED)

    assert streams.done == []


@pytest.mark.parametrize(("error", "passes"), [(ELECTING, True), (UNKNOWN, True), (ALONE, False)])
def test_what_brokers_refuse_that_just_met_may_pass(error, passes):
    assert may_pass(error) is passes


async def test_a_stream_that_lacks_a_broker_has_it_when_it_is_there():
    streams, replicas = Streams(2), Replicas()
    await replicas.have(streams, WANTED)

    await replicas.look()
    assert streams.made["S"].num_replicas == 2
    streams.brokers = 3
    await replicas.look()

    assert streams.made["S"].num_replicas == 3
    assert not replicas._lacking


@pytest.mark.parametrize("brokers", [1, 3])
async def test_a_stream_that_lacks_no_broker_is_not_looked_at_again(brokers):
    streams, replicas = Streams(brokers), Replicas()
    await replicas.have(streams, WANTED)
    before = list(streams.done)

    streams.brokers = 3
    await replicas.look()

    assert streams.done == before


async def test_where_none_is_found_streams_are_tried_one_at_a_time_and_each_in_turn():
    replicas, one, other = Replicas(), Streams(2), Streams(2)
    await replicas.have(one, WANTED)
    await replicas.have(other, OTHER)
    other.brokers = 3

    await replicas.look()
    assert other.made["T"].num_replicas == 2
    await replicas.look()

    assert other.made["T"].num_replicas == 3
    assert list(replicas._lacking) == [(one, "S")]


async def test_a_stream_that_cannot_be_looked_at_holds_up_no_other():
    replicas, one, other = Replicas(), Streams(2), Streams(2)
    await replicas.have(one, WANTED)
    await replicas.have(other, OTHER)
    one.failing, other.brokers = NatsTimeoutError(), 3

    await replicas.look()

    assert other.made["T"].num_replicas == 3
    assert list(replicas._lacking) == [(one, "S")]


async def test_streams_of_an_application_that_is_gone_are_left():
    replicas, streams = Replicas(), Streams(2)
    await replicas.have(streams, WANTED)
    streams.is_closed = True

    await replicas.look()

    assert not replicas._lacking


@pytest.mark.parametrize(
    "streams", [Streams(3), Streams(2), Streams(3, there=3), Streams(3, there=1)]
)
async def test_brokers_of_a_cluster_drop_nothing_that_they_acknowledged(streams):
    await keep(streams, OF_DEVICES[-1])

    made = streams.made[OF_DEVICES[-1].name]
    assert made.discard == DiscardPolicy.NEW
    assert made.max_msgs == MOST_ACKNOWLEDGED
    assert (made.max_bytes, made.max_age) == (-1, 0)


@pytest.mark.parametrize("streams", [Streams(1), Streams(1, there=1)])
async def test_one_broker_keeps_the_newest_that_devices_have_not_taken(streams):
    await keep(streams, OF_DEVICES[-1])

    made = streams.made[OF_DEVICES[-1].name]
    assert made.discard != DiscardPolicy.NEW
    assert made.max_bytes == OF_DEVICES[-1].max_bytes > 0
