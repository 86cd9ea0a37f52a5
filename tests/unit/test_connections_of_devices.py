"""Connections of devices are found at all brokers and ended; persistent sessions end them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import msgspec
import structlog
from nats.errors import Error as NatsError

from drover.mqtt.connections import Connections
from drover.mqtt.sessions import QUEUE, WRITTEN_DOWN, Sessions
from tests.support.flushed import Flushed

APPLICATION, DEVICE, OTHER = "a" * 24, "d" * 24, "e" * 24


class Client(Flushed):
    """A connection to the broker: notes what it is asked, and who listens."""

    def __init__(self):
        self.asked, self.listening, self.inboxes = [], {}, 0
        self.published, self.answers = asyncio.Event(), []
        self._ps = None  # nobody reads it in another way yet

    def new_inbox(self):
        self.inboxes += 1
        return f"_INBOX.{self.inboxes}"

    async def subscribe(self, subject, cb, queue=""):
        self.listening[subject] = (cb, queue)
        return SimpleNamespace(subject=subject, _id=len(self.listening))

    async def publish(self, subject, payload, reply):
        self.asked.append((subject, msgspec.json.decode(payload), reply))
        self.published.set()

    async def request(self, subject, payload, timeout):  # noqa: ASYNC109 - as the client has it
        assert timeout > 0
        self.asked.append((subject, msgspec.json.decode(payload), "request"))
        return SimpleNamespace(data=self.answers.pop(0) if self.answers else b"")

    async def hears(self, subject, data):
        take, _ = self.listening[subject]
        await take(SimpleNamespace(data=data))


class Link:
    def __init__(self):
        self.system = Client()

    async def client(self, _account):
        return self.system

    def account(self, application_id):
        return f"ACCOUNT-{application_id}"


def written_down(session: bytes) -> bytes:
    return b"MSG $MQTT.sess.x 1 %d\r\n%b\r\n" % (len(session), session)


async def test_connections_of_devices_that_brokers_list_are_ended_and_no_others():
    link = Link()
    connections = Connections(link)
    await connections.end_those_of(APPLICATION)
    await connections.end_those_of(APPLICATION, mqtt_client=DEVICE)
    ((_, everybody, inbox), (_, one, _)) = link.system.asked
    listed = [{"cid": 5, "type": "nats"}, {"cid": 7, "type": "mqtt"}]
    answer = {"server": {"id": "SERVER"}, "data": {"connections": listed}}

    await link.system.hears(inbox, msgspec.json.encode(answer))
    await link.system.hears(inbox, b'{"server": {"id": "OTHER"}, "data": {}}')

    assert everybody == {"acc": f"ACCOUNT-{APPLICATION}", "limit": 500}
    assert one == {**everybody, "mqtt_client": DEVICE}
    assert [each[:2] for each in link.system.asked[2:]] == [
        ("$SYS.REQ.SERVER.SERVER.KICK", {"cid": 7})
    ]


async def test_brokers_that_list_as_many_waiting_devices_as_they_can_are_asked_for_more():
    link = Link()
    await Connections(link).end_waiting()
    ((_, question, inbox),) = link.system.asked
    full = {"connections": [{"cid": number, "type": "mqtt"} for number in range(500)]}
    listed = [{"server": {"id": "A"}, "data": full}, {"server": {"id": "B"}, "data": {}}]

    for answer in listed:
        await link.system.hears(inbox, msgspec.json.encode(answer))

    ended, again = link.system.asked[1:-1], link.system.asked[-1]
    assert [each[:2] for each in ended] == [
        ("$SYS.REQ.SERVER.A.KICK", {"cid": number}) for number in range(500)
    ]
    assert again == ("$SYS.REQ.SERVER.A.CONNZ", question, inbox)


async def test_waiting_devices_are_not_asked_for_longer_than_they_may_wait(monkeypatch):
    monkeypatch.setattr("drover.mqtt.connections.DECIDING_S", 0)
    monkeypatch.setattr("drover.mqtt.connections.MOST_AT_ONCE", 1)
    link = Link()
    await Connections(link).end_waiting()
    inbox = link.system.asked[0][-1]
    answer = {"server": {"id": "A"}, "data": {"connections": [{"cid": 1, "type": "mqtt"}]}}

    await link.system.hears(inbox, msgspec.json.encode(answer))

    assert [subject for subject, *_ in link.system.asked[1:]] == ["$SYS.REQ.SERVER.A.KICK"]


def waiting(now: str, *began: str) -> bytes:
    """What a broker lists of connections that wait for an answer, the oldest first."""
    listed = [{"cid": n, "type": "mqtt", "start": each} for n, each in enumerate(began)]
    server = {"id": "A", "time": f"2026-01-01T00:00:{now}.5Z"}
    return msgspec.json.encode({"server": server, "data": {"connections": listed}})


async def test_devices_that_nobody_answers_are_hung_up_on_before_the_broker_refuses_them():
    link = Link()
    await Connections(link).end_late()
    ((subject, question, inbox),) = link.system.asked
    began = [f"2026-01-01T00:00:{second}.123456789Z" for second in ("21", "22", "23")]

    await link.system.hears(inbox, waiting("30", *began))

    assert subject == "$SYS.REQ.SERVER.PING.CONNZ"
    assert question == {"acc": "ACCOUNT-callout", "limit": 500}
    assert [each[:2] for each in link.system.asked[1:]] == [
        ("$SYS.REQ.SERVER.A.KICK", {"cid": 0}),
        ("$SYS.REQ.SERVER.A.KICK", {"cid": 1}),
    ]


async def test_a_broker_where_more_of_them_wait_than_it_lists_is_asked_again(monkeypatch):
    monkeypatch.setattr("drover.mqtt.connections.MOST_AT_ONCE", 2)
    link = Link()
    await Connections(link).end_late()
    inbox = link.system.asked[0][-1]
    began = ["2026-01-01T00:00:20Z"] * 2

    await link.system.hears(inbox, waiting("30", *began))

    assert link.system.asked[-1][0] == "$SYS.REQ.SERVER.A.CONNZ"
    assert link.system.asked[-1][-1] == inbox


async def test_one_connection_is_ended_by_its_number():
    link = Link()

    await Connections(link).end("SERVER", 9)

    assert link.system.asked == [("$SYS.REQ.SERVER.SERVER.KICK", {"cid": 9}, "request")]


async def test_who_asks_for_a_persistent_session_is_cut_off_and_nobody_else():
    link, client = Link(), Client()
    sessions = Sessions(Connections(link))
    await sessions.watch(APPLICATION, client)
    await sessions.watch(APPLICATION, client)

    clean = b'{"origin":"x","id":"%b","clean":true}' % OTHER.encode()
    await client._ps.parse(written_down(clean))
    await client._ps.parse(written_down(b'{"origin":"x","id":"%b"}' % DEVICE.encode()))
    await link.system.published.wait()

    assert sessions.refused == 1
    assert len(link.system.asked) == 1
    assert client.listening[WRITTEN_DOWN][1] == QUEUE
    assert link.system.asked[0][1]["mqtt_client"] == DEVICE


async def test_a_broker_that_goes_while_a_session_is_refused_is_logged_and_harms_nothing():
    link, client = Link(), Client()
    gone = asyncio.Event()

    async def lost(_account):
        gone.set()
        raise NatsError("the connection is over")

    link.client = lost
    sessions = Sessions(Connections(link))
    await sessions.watch(APPLICATION, client)

    with structlog.testing.capture_logs() as lines:
        await client._ps.parse(written_down(b'{"id":"%b"}' % DEVICE.encode()))
        await gone.wait()
        await asyncio.gather(*sessions._tasks)

    assert [each["event"] for each in lines] == ["mqtt.persistent_session", "mqtt.waits"]


def listing(*connections: dict[str, object]) -> bytes:
    return msgspec.json.encode({"server": {"id": "S"}, "data": {"connections": connections}})


async def test_everybody_is_sent_away_page_by_page_until_only_those_are_left_that_wait(monkeypatch):
    monkeypatch.setattr("drover.mqtt.connections.MOST_WITH_ACCOUNTS", 2)
    monkeypatch.setattr("drover.mqtt.connections.AGAIN_S", 0)
    link = Link()
    ours = {"cid": 1, "type": "nats", "account": "A"}
    device = {"cid": 7, "type": "mqtt", "account": "A"}
    waits = {"cid": 9, "type": "mqtt", "account": link.account("callout")}
    silent = {"cid": 11, "type": "mqtt"}
    link.system.answers = [
        *(listing(ours, silent), listing(device, waits)),
        *(listing(silent, waits), listing(silent)),
    ]

    await Connections(link).end_everybody()

    kicked = [told for subject, told, _ in link.system.asked if subject.endswith("KICK")]
    offsets = [told["offset"] for _, told, _ in link.system.asked if "offset" in told]
    assert (kicked, offsets) == ([{"cid": 7}], [0, 2, 2, 4])
