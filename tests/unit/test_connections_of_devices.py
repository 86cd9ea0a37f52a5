"""Connections of devices are found at all brokers and ended; persistent sessions end them."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec

from drover.mqtt.connections import Connections
from drover.mqtt.sessions import QUEUE, WRITTEN_DOWN, Sessions

APPLICATION, DEVICE = "a" * 24, "d" * 24


class Client:
    """A connection to the broker: notes what it is asked, and who listens."""

    def __init__(self):
        self.asked, self.listening, self.inboxes = [], {}, 0

    def new_inbox(self):
        self.inboxes += 1
        return f"_INBOX.{self.inboxes}"

    async def subscribe(self, subject, cb, queue=""):
        self.listening[subject] = (cb, queue)

    async def publish(self, subject, payload, reply):
        self.asked.append((subject, msgspec.json.decode(payload), reply))

    async def request(self, subject, payload, timeout):  # noqa: ASYNC109 - as the client has it
        assert timeout > 0
        self.asked.append((subject, msgspec.json.decode(payload), "request"))

    async def _flush_pending(self, force_flush):
        assert force_flush

    async def flush(self):
        """All that was asked is on its way."""

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


async def test_one_connection_is_ended_by_its_number():
    link = Link()

    await Connections(link).end("SERVER", 9)

    assert link.system.asked == [("$SYS.REQ.SERVER.SERVER.KICK", {"cid": 9}, "request")]


async def test_who_asks_for_a_persistent_session_is_cut_off_and_nobody_else():
    link, client = Link(), Client()
    sessions = Sessions(Connections(link))
    await sessions.watch(APPLICATION, client)
    await sessions.watch(APPLICATION, client)

    await client.hears(WRITTEN_DOWN, b'{"origin":"x","id":"%b","clean":true}' % DEVICE.encode())
    before = list(link.system.asked)
    await client.hears(WRITTEN_DOWN, b'{"origin":"x","id":"%b"}' % DEVICE.encode())

    assert (before, sessions.refused) == ([], 1)
    assert client.listening[WRITTEN_DOWN][1] == QUEUE
    assert link.system.asked[0][1]["mqtt_client"] == DEVICE
