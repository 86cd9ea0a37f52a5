"""The broker's question whether a device may connect is answered, whatever happens."""

from __future__ import annotations

import asyncio

import pytest
from nats.errors import TimeoutError as NatsTimeoutError

from drover.model.errors import TooMany, Unauthorized, Unavailable
from drover.mqtt import callout as module
from drover.mqtt.accounts import CALLOUT, Keyring, signed, unverified
from drover.mqtt.callout import Callout
from drover.ports.door import Admitted

APPLICATION, DEVICE, KEY = "a" * 24, "d" * 24, "c" * 24
KEYS = Keyring(b"a secret of the tests")
ADMITTED = Admitted(
    application_id=APPLICATION,
    device_id=DEVICE,
    key_id=KEY,
    may_publish=[f"losant/{DEVICE}/state", "t/#", "t"],
    may_subscribe=[f"losant/{DEVICE}/command"],
    not_subscribe=["t/secret/#"],
)


class Question:
    """A question of the broker, and the answer to it."""

    def __init__(self):
        asked = {
            "user_nkey": "UUSER",
            "server_id": {"id": "SERVER"},
            "client_info": {"id": 7, "mqtt_id": DEVICE, "host": "127.0.0.1"},
            "connect_opts": {"user": "key", "pass": "secret"},
        }
        self.data = signed(KEYS.account(CALLOUT), {"nats": asked}).encode()
        self.answer = asyncio.get_running_loop().create_future()

    async def respond(self, data):
        self.answer.set_result(unverified(data.decode()))


class Door:
    """Decides as it is told to, once it is let."""

    def __init__(self, decision):
        self.decision = decision
        self.let = asyncio.Event()
        self.let.set()
        self.visitors = []

    async def admit(self, visitor):
        self.visitors.append(visitor)
        await self.let.wait()
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision


async def known(_application_id):
    """Every application is known."""


class Broker:
    """Notes which connections it is to end."""

    def __init__(self, failing=False):
        self.failing = failing
        self.ended = []

    async def end(self, server, number):
        self.ended.append((server, number))
        if self.failing:
            raise NatsTimeoutError


async def asked(callout: Callout, door: Door) -> dict:
    question = Question()
    await callout._asked(question)
    return await question.answer


async def test_a_device_that_is_let_in_gets_the_rights_to_its_topics():
    door = Door(ADMITTED)
    callout = Callout(KEYS, door, known, Broker().end)

    answer = await asked(callout, door)

    assert (answer["sub"], answer["aud"]) == ("UUSER", "SERVER")
    claims = unverified(answer["nats"]["jwt"])
    assert (claims["sub"], claims["name"]) == ("UUSER", f"{APPLICATION}.{DEVICE}.{KEY}")
    assert claims["iss"] == KEYS.account(APPLICATION).public
    assert claims["nats"]["pub"] == {"allow": [f"losant.{DEVICE}.state", "t.>", "t"]}
    assert claims["nats"]["sub"]["deny"] == ["t.secret.>", "t.secret"]
    assert (door.visitors[0].username, door.visitors[0].password) == ("key", "secret")
    assert callout.admitted == 1


@pytest.mark.parametrize(
    ("decision", "told", "counts", "ended"),
    [
        (Unauthorized("Invalid"), "Invalid", (1, 0), []),
        (TooMany("Too often"), "Too often", (1, 0), []),
        (Unavailable("away"), "try again later", (0, 1), [("SERVER", 7)]),
        (ValueError("a fault"), "try again later", (0, 1), [("SERVER", 7)]),
    ],
)
async def test_one_that_is_not_let_in_is_counted_and_told_why_unless_it_may_come_again(
    decision, told, counts, ended
):
    door, broker = Door(decision), Broker()
    callout = Callout(KEYS, door, known, broker.end)

    answer = await asked(callout, door)

    assert answer["nats"]["error"] == told
    assert "jwt" not in answer["nats"]
    assert (callout.refused, callout.put_off, callout.admitted) == (*counts, 0)
    assert broker.ended == ended


async def test_while_there_is_no_room_for_state_everybody_is_put_off():
    door, broker, full = Door(ADMITTED), Broker(failing=True), [True]
    callout = Callout(KEYS, door, known, broker.end, lambda: full[0])

    refused = await asked(callout, door)
    full[0] = False
    admitted = await asked(callout, door)

    assert refused["nats"]["error"] == "try again later"
    assert (len(door.visitors), broker.ended) == (1, [("SERVER", 7)])
    assert "jwt" in admitted["nats"]


async def test_when_too_many_wait_others_are_told_at_once_to_come_again(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    door = Door(ADMITTED)
    door.let.clear()
    callout = Callout(KEYS, door, known, Broker().end)
    waiting = [Question() for _ in range(2)]
    for question in waiting:
        await callout._asked(question)

    answer = await asked(callout, door)

    assert (answer["nats"]["error"], callout.put_off) == ("try again later", 1)
    door.let.set()
    answers = [await question.answer for question in waiting]
    assert all("jwt" in each["nats"] for each in answers)
