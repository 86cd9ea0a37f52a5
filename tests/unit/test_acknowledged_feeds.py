"""Brokers of a cluster: a report that is acknowledged is taken from where its answer came from."""

from __future__ import annotations

import time
from types import SimpleNamespace

import msgspec
import pytest
from nats.js.api import ConsumerConfig, StreamConfig, StreamState
from nats.js.errors import BadRequestError, NotFoundError

from drover.model.errors import Unavailable
from drover.mqtt.accounts import OWN_ACCOUNTS, Keyring
from drover.mqtt.acknowledged import NEVER, SETTLING_MS, AcknowledgedFeeds
from drover.mqtt.replicas import Replicas
from drover.mqtt.streams import OF_DEVICES, OF_SESSIONS
from tests.support.broker_account import FedConnection

KEYS = Keyring(b"secret")
ONE, OTHER = "1" * 24, "2" * 24
PLACE = b"$JS.ACK.$MQTT_msgs.servers.1.1.1.1700000000123456789.0"


class Connection(FedConnection):
    """A connection to an application's account, whose stream may have a consumer."""

    last = 0

    def __init__(self, metadata=None):
        super().__init__()
        self.metadata = metadata
        self.made = []

    async def stream_info(self, _stream):
        known = int(self.metadata is not None)
        return SimpleNamespace(state=StreamState(0, 0, 0, self.last, known))

    async def consumer_info(self, stream, _name):
        if self.metadata is None:
            raise NotFoundError
        config = ConsumerConfig(metadata=self.metadata)
        return SimpleNamespace(config=config, stream_name=stream)

    async def add_stream(self, config):
        if config.num_replicas > 2:
            raise BadRequestError(code=400, err_code=10005, description="no suitable peers")
        self.made.append(config.name)
        return SimpleNamespace(config=config)

    async def add_consumer(self, stream, config):
        self.metadata = config.metadata
        return await self.consumer_info(stream, config.durable_name)


class Link:
    """Brokers that know some applications."""

    def __init__(self, *known, replicas=3, last=0):
        self.known_there = list(known)
        self.replicas, self.last = replicas, last
        self.prepared = None
        self.connections: dict[str, Connection] = {}
        self.failing = set()

    def account(self, name):
        return KEYS.account(name).public

    def prepare_with(self, prepared):
        self.prepared = prepared

    async def client(self, _account):
        return self

    async def request(self, subject, _body, **_timeout):
        if subject == "$SYS.REQ.CLAIMS.LIST":
            data = [self.account(each) for each in (*OWN_ACCOUNTS, *self.known_there)]
            return SimpleNamespace(data=msgspec.json.encode({"data": data}))
        found = [each for each in self.known_there if self.account(each) in subject]
        return SimpleNamespace(data=KEYS.application_claims(found[0]).encode())

    async def ensure(self, application_id):
        if application_id in self.failing:
            raise Unavailable("The broker does not answer")
        config = StreamConfig(name="$MQTT_msgs", num_replicas=self.replicas)
        client = self.connections.setdefault(application_id, Connection())
        client.last = self.last
        if self.prepared is not None:
            messages = SimpleNamespace(config=config)
            await self.prepared(application_id, client, messages)


class Intake:
    """Takes everything."""

    has_room = True

    def __init__(self):
        self.taken = []

    def state(self, application_id, device_id, payload, arrived_ms, done):
        self.taken.append((application_id, device_id, payload, arrived_ms))
        done()


@pytest.fixture
async def begun():
    made = []

    async def begin(link, *, in_cluster=True):
        feeds = AcknowledgedFeeds(link, Intake(), Replicas())
        made.append(feeds)
        await feeds.start(in_cluster=in_cluster)
        return feeds

    yield begin
    for each in made:
        await each.stop()
        await each.finish()


async def test_reports_of_applications_that_brokers_know_are_taken_and_acknowledged(begun):
    feeds = await begun(Link(ONE))
    client, feed = feeds._feeds[ONE]
    asked, reply = await client.sent.get()

    feed._take(b"$MQTT.msgs.losant.dddd.state", PLACE, b"", b"{}")

    assert asked == "$JS.API.CONSUMER.MSG.NEXT.$MQTT_msgs.servers"
    assert reply == "_INBOX.one"
    assert feeds._intake.taken == [(ONE, "dddd", b"{}", 1_700_000_000_123)]
    assert await client.sent.get() == b"PUB %b 0\r\n\r\n" % PLACE
    assert feeds.held_back == 0


async def test_in_a_new_application_all_that_devices_say_is_taken_there(begun):
    feeds = await begun(Link(ONE, last=0))

    assert (feeds.since(ONE), feeds.since(OTHER)) == (0, None)


async def test_where_devices_report_already_the_consumer_is_given_time_to_settle(begun):
    before = int(time.time() * 1000)

    feeds = await begun(Link(ONE, last=7))

    assert before + SETTLING_MS <= feeds.since(ONE) <= time.time() * 1000 + SETTLING_MS


async def test_servers_agree_on_when_a_consumer_began(begun):
    link = Link(ONE, last=7)
    link.connections[ONE] = Connection({"since": "123"})

    feeds = await begun(link)

    assert feeds.since(ONE) == 123


async def test_an_application_that_another_server_made_known_is_taken_up(begun):
    link = Link(ONE)
    feeds = await begun(link)
    link.known_there.append(OTHER)

    await feeds.look()

    assert set(feeds._feeds) == {ONE, OTHER}


async def test_one_that_is_made_known_again_is_not_taken_twice(begun):
    link = Link(ONE)
    feeds = await begun(link)
    before = feeds._feeds[ONE]

    await link.ensure(ONE)

    assert feeds._feeds[ONE] is before


async def test_one_that_cannot_be_made_known_holds_up_no_other_and_is_tried_again(begun):
    link = Link(ONE, OTHER)
    link.failing.add(ONE)
    feeds = await begun(link)
    assert set(feeds._feeds) == {OTHER}

    link.failing.clear()
    await feeds.look()

    assert set(feeds._feeds) == {ONE, OTHER}


async def test_an_application_that_is_gone_is_left(begun):
    link = Link(ONE)
    feeds = await begun(link)
    link.known_there.clear()
    link.connections[ONE].is_closed = True

    await feeds.look()

    assert feeds._feeds == {}
    assert feeds.since(ONE) is None


async def test_one_that_is_gone_is_not_made_known_again_while_a_broker_still_lists_it(begun):
    link = Link(ONE)
    feeds = await begun(link)
    link.connections[ONE].is_closed = True

    for _ in range(2):
        await feeds.look()

    assert feeds._feeds == {}


async def test_while_a_broker_is_away_all_is_made_that_devices_need(begun):
    link = Link(ONE, replicas=2)

    feeds = await begun(link)

    made = link.connections[ONE].made
    assert made == [str(each.name) for each in (*OF_DEVICES, *OF_SESSIONS)]
    assert [name for _, name in feeds._replicas._lacking] == made
    assert feeds.since(ONE) == 0


async def test_where_three_brokers_are_there_the_broker_makes_its_own(begun):
    link = Link(ONE)

    await begun(link)

    assert link.connections[ONE].made == []


async def test_with_one_broker_nothing_is_looked_for(begun):
    link = Link(ONE)

    feeds = await begun(link, in_cluster=False)

    assert feeds.since(OTHER) == NEVER
    assert link.prepared is None
    assert feeds._feeds == {}
