"""What brokers told while nobody listened is made up for by what they list."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest
from nats.errors import ConnectionClosedError

from drover.mqtt import roll_call as module
from drover.mqtt.roll_call import UNHEARD, RollCall
from drover.ports.door import Connection, Missed

APPLICATION, KEY = "a" * 24, "c" * 24
NOW, NOW_MS = "2026-11-23T12:15:50.250Z", 1_795_436_150_250


def device(number: int) -> str:
    return f"{number:024x}"


def connection(number: int, server: str = "ONE") -> Connection:
    return Connection(
        application_id=APPLICATION,
        device_id=device(number),
        server=server,
        number=number,
        address="10.0.0.1",
        began_ms=NOW_MS,
        key_id=KEY,
    )


def listed(number: int) -> dict[str, object]:
    user = f"{APPLICATION}.{device(number)}.{KEY}"
    told = {"cid": number, "type": "mqtt", "start": NOW, "ip": "10.0.0.1"}
    return told | {"authorized_user": user}


class Brokers:
    """What each lists, by its number; a broker that is away does not answer."""

    def __init__(self):
        self.there = {"ONE": {}, "TWO": {}}
        self.asked = []
        self.away = set()

    async def client(self, _account):
        return self

    async def request(self, subject, payload, timeout):  # noqa: ASYNC109 - as the client has it
        assert timeout > 0
        server = subject.split(".")[3]
        question = msgspec.json.decode(payload)
        self.asked.append((server, question))
        if server in self.away:
            raise ConnectionClosedError
        all_of = list(self.there[server].values())
        if "cid" in question:
            found = [each for each in all_of if each["cid"] == question["cid"]]
        else:
            start = question["offset"]
            found = all_of[start : start + question["limit"]]
        answer = {"server": {}, "data": {"now": NOW, "connections": found}}
        return SimpleNamespace(data=msgspec.json.encode(answer))


class Noted:
    """Who is noted at a broker, as the intake knows it."""

    def __init__(self):
        self.at = {}
        self.there = {}
        self.new = []
        self.come = []
        self.gone = []

    async def missed(self, server, there):
        self.there[server] = there
        numbers = {each.number for each in there}
        gone = [each for each in self.at.get(server, ()) if each.number not in numbers]
        return Missed(self.new, gone)

    def came(self, connection):
        self.come.append(connection)

    def went(self, connection, parting):
        self.gone.append((connection, parting))


@pytest.fixture
def brokers(monkeypatch):
    monkeypatch.setattr(module, "SETTLING_S", 0)
    return Brokers()


@pytest.fixture
def noted():
    return Noted()


@pytest.fixture
def roll(brokers, noted):
    return RollCall(brokers, noted)


async def test_those_that_are_there_are_told_of_and_nobody_else(roll, brokers, noted):
    server = {"cid": 1, "type": "nats", "start": NOW, "authorized_user": "drover"}
    waits = {"cid": 2, "type": "mqtt", "start": NOW}
    brokers.there["ONE"] = {1: server, 2: waits, 3: listed(3)}

    await roll.call(["ONE"], 0)

    assert noted.there == {"ONE": [connection(3)]}
    assert noted.gone == []


async def test_one_that_is_noted_and_not_there_has_gone(roll, brokers, noted):
    brokers.there["ONE"] = {3: listed(3)}
    noted.at = {"ONE": [connection(3), connection(4)]}

    await roll.call(["ONE"], 0)

    ((gone, parting),) = noted.gone
    assert gone == connection(4)
    assert (parting.ended_ms, parting.reason, parting.heard) == (NOW_MS, UNHEARD, False)


async def test_one_that_is_there_and_not_noted_came_if_it_is_there_still(roll, brokers, noted):
    brokers.there["ONE"] = {3: listed(3)}
    noted.new = [connection(3), connection(4)]  # of which one has gone since it was listed

    await roll.call(["ONE"], 0)

    assert noted.come == [connection(3)]


async def test_one_that_a_page_left_out_has_not_gone(roll, brokers, noted, monkeypatch):
    monkeypatch.setattr(brokers, "there", {"ONE": {4: listed(4)}})
    noted.at = {"ONE": [connection(4)]}

    async def pages_leave_out(_server, _there):
        return Missed([], noted.at["ONE"])

    monkeypatch.setattr(noted, "missed", pages_leave_out)

    await roll.call(["ONE"], 0)

    assert noted.gone == []


async def test_more_than_fit_one_answer_are_listed_in_several(roll, brokers, noted, monkeypatch):
    monkeypatch.setattr(module, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(module, "OVERLAP", 1)
    brokers.there["ONE"] = {number: listed(number) for number in range(10)}

    await roll.call(["ONE"], 0)

    assert [each.number for each in noted.there["ONE"]] == list(range(10))
    assert [question["offset"] for _, question in brokers.asked] == [0, 3, 6, 9]


async def test_a_broker_is_compared_once_for_each_time_that_it_is_listened_to_anew(roll, brokers):
    for listening in (0, 0, 1, 1):
        await roll.call(["ONE"], listening)

    assert len(brokers.asked) == 2


async def test_a_broker_that_comes_is_compared_and_so_is_one_that_comes_back(roll, brokers):
    for servers in (["ONE"], ["ONE", "TWO"], ["TWO"], ["ONE", "TWO"]):
        await roll.call(servers, 0)

    assert [server for server, _ in brokers.asked] == ["ONE", "TWO", "ONE"]


async def test_a_broker_that_does_not_answer_is_compared_the_next_time(roll, brokers, noted):
    brokers.away = {"TWO"}
    with pytest.raises(ConnectionClosedError):
        await roll.call(["ONE", "TWO"], 0)
    brokers.away = set()

    await roll.call(["ONE", "TWO"], 0)

    assert [server for server, _ in brokers.asked] == ["ONE", "TWO", "TWO"]
