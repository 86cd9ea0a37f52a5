"""The broker's question whether a device may connect is answered, whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from nats.errors import TimeoutError as NatsTimeoutError

from drover.app.live.door import MOST_BEHIND
from drover.model.errors import TooMany, Unauthorized, Unavailable
from drover.mqtt import callout as module
from drover.mqtt import queue
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

    def __init__(self, user="key"):
        asked = {
            "user_nkey": "UUSER",
            "server_id": {"id": "SERVER"},
            "client_info": {"id": 7, "mqtt_id": DEVICE, "host": "127.0.0.1"},
            "connect_opts": {"user": user, "pass": "secret"},
        }
        self.data = signed(KEYS.account(CALLOUT), {"nats": asked}).encode()
        self.answer = asyncio.get_running_loop().create_future()

    def told(self, answer):
        self.answer.set_result(unverified(answer, dict))


class Desk:
    """A callout that is asked, and the answers that it gives."""

    def __init__(self, door, broker=None, full=lambda: False, ensure=None):
        self.broker = broker or Broker()
        self.callout = Callout(KEYS, door, ensure or known, self.broker.end, full)
        self.callout.answer_by(self._send, self._taken)
        self.takes = asyncio.Event()
        self.takes.set()
        self._open = {}

    def ask(self, user="key"):
        question = Question(user)
        reply = b"reply.%d" % len(self._open)
        self._open[reply] = question
        self.callout.take(b"subject", reply, b"", question.data)
        return question.answer

    async def _send(self, answers):
        for reply, answer in answers:
            self._open[reply].told(answer)

    async def _taken(self):
        await self.takes.wait()


class Door:
    """Decides as it is told to, once it is let."""

    def __init__(self, decision):
        self.decision = decision
        self.let = asyncio.Event()
        self.let.set()
        self.asked = asyncio.Event()
        self.visitors = []

    async def admit_all(self, visitors):
        self.visitors += visitors
        self.asked.set()
        await self.let.wait()
        if isinstance(self.decision, (Unavailable, ValueError)):
            raise self.decision
        return [self.decision] * len(visitors)


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


async def test_a_device_that_is_let_in_gets_the_rights_to_its_topics():
    door = Door(ADMITTED)
    desk = Desk(door)

    answer = await desk.ask()

    assert (answer["sub"], answer["aud"]) == ("UUSER", "SERVER")
    claims = unverified(answer["nats"]["jwt"].encode(), dict)
    assert (claims["sub"], claims["name"]) == ("UUSER", f"{APPLICATION}.{DEVICE}.{KEY}")
    assert claims["iss"] == KEYS.account(APPLICATION).public
    assert claims["nats"]["pub"] == {"allow": [f"losant.{DEVICE}.state", "t.>", "t"]}
    assert claims["nats"]["sub"]["deny"] == ["t.secret.>", "t.secret"]
    assert (door.visitors[0].username, door.visitors[0].password) == ("key", "secret")
    assert desk.callout.admitted == 1


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
    desk = Desk(Door(decision))

    answer = await desk.ask()

    assert answer["nats"]["error"] == told
    assert "jwt" not in answer["nats"]
    callout = desk.callout
    assert (callout.refused, callout.put_off, callout.admitted) == (*counts, 0)
    assert desk.broker.ended == ended


async def test_one_with_more_topics_than_the_broker_takes_is_refused_and_nobody_else():
    behind = [f"losant/{number:024x}/+" for number in range(MOST_BEHIND)]
    door = Door(replace(ADMITTED, may_publish=behind, may_subscribe=behind))
    desk = Desk(door)

    told = await desk.ask()
    again = await desk.ask()
    door.decision = ADMITTED
    welcome = await desk.ask()

    assert told["nats"]["error"] == "The device has more topics than the broker takes"
    assert "jwt" not in again["nats"]
    assert "jwt" in welcome["nats"]
    assert (desk.callout.admitted, desk.callout.refused) == (1, 2)


async def test_while_there_is_no_room_for_state_everybody_is_put_off():
    door, full = Door(ADMITTED), [True]
    desk = Desk(door, Broker(failing=True), lambda: full[0])

    refused = await desk.ask()
    full[0] = False
    admitted = await desk.ask()

    assert refused["nats"]["error"] == "try again later"
    assert (len(door.visitors), desk.broker.ended) == (1, [("SERVER", 7)])
    assert "jwt" in admitted["nats"]


async def test_when_too_many_wait_others_are_told_at_once_to_come_again(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    monkeypatch.setattr(module, "ROUNDS", 0)
    desk = Desk(Door(ADMITTED))
    waiting = [desk.ask() for _ in range(2)]

    answer = await desk.ask()

    assert (answer["nats"]["error"], desk.callout.put_off) == ("try again later", 1)
    monkeypatch.setattr(module, "ROUNDS", 1)
    desk.callout._look_soon()
    answers = [await each for each in waiting]
    assert all("jwt" in each["nats"] for each in answers)


async def test_those_that_come_together_are_looked_at_together_as_many_as_may_be(monkeypatch):
    monkeypatch.setattr(module, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(module, "ROUNDS", 1)
    door = Door(ADMITTED)
    door.let.clear()
    desk = Desk(door)
    waiting = [desk.ask() for _ in range(5)]
    await door.asked.wait()

    looked_at = len(door.visitors)
    door.let.set()

    answers = [await each for each in waiting]
    assert (looked_at, len(door.visitors), desk.callout.admitted) == (2, 5, 5)
    assert all("jwt" in each["nats"] for each in answers)


async def test_no_more_answers_are_sent_than_the_broker_takes(monkeypatch):
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(module, "ROUNDS", 1)
    door = Door(ADMITTED)
    desk = Desk(door)
    desk.takes.clear()
    first, second = desk.ask(), desk.ask()
    await first
    await asyncio.sleep(2 * module.GATHER_S)

    looked_at = len(door.visitors)
    desk.takes.set()
    await second

    assert (looked_at, len(door.visitors)) == (1, 2)


async def test_answers_go_on_where_the_broker_does_not_say_that_it_has_them(monkeypatch):
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(module, "ROUNDS", 1)
    desk = Desk(Door(ADMITTED))

    async def lost():
        raise NatsTimeoutError

    desk.callout.answer_by(desk._send, lost)

    answers = [await each for each in (desk.ask(), desk.ask())]

    assert all("jwt" in each["nats"] for each in answers)


async def test_who_has_waited_too_long_is_told_to_come_again_and_not_looked_at(monkeypatch):
    door = Door(ADMITTED)
    desk = Desk(door)
    monkeypatch.setattr(queue, "WAITING_S", -1.0)

    late = await desk.ask()
    monkeypatch.setattr(queue, "WAITING_S", 60.0)
    in_time = await desk.ask()

    assert (late["nats"]["error"], desk.broker.ended) == ("try again later", [("SERVER", 7)])
    assert "jwt" in in_time["nats"]
    assert (len(door.visitors), desk.callout.put_off) == (1, 1)


async def test_who_was_refused_is_looked_at_after_those_that_were_not(monkeypatch):
    monkeypatch.setattr(module, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(module, "ROUNDS", 1)
    door = Door(Unauthorized("Invalid"))
    desk = Desk(door)
    await desk.ask("refused")
    door.decision = ADMITTED

    answers = [desk.ask("refused"), desk.ask("other")]
    for each in answers:
        await each

    assert [each.username for each in door.visitors] == ["refused", "other", "refused"]


@pytest.mark.parametrize(
    "away", [Unavailable("The broker does not answer"), OSError("refused"), NatsTimeoutError()]
)
async def test_an_application_that_cannot_be_made_known_puts_off_its_own_devices_alone(away):
    other = replace(ADMITTED, application_id="b" * 24)
    door = Door(None)

    async def admit_all(_visitors):
        return [ADMITTED, other, Unauthorized("Invalid"), Unavailable("away")]

    async def ensure(application_id):
        if application_id == APPLICATION:
            raise away

    door.admit_all = admit_all
    desk = Desk(door, ensure=ensure)

    answers = await asyncio.gather(*[desk.ask() for _ in range(4)])

    told = [each["nats"].get("error", "in") for each in answers]
    assert told == ["try again later", "in", "Invalid", "try again later"]
    assert desk.broker.ended == [("SERVER", 7)] * 2


async def test_what_is_no_question_is_passed_over_without_harm():
    desk = Desk(Door(ADMITTED))

    for payload in (b"", b"no token", b"a.b.c", b"a.e30.c"):
        desk.callout.take(b"subject", b"reply", b"", payload)

    assert "jwt" in (await desk.ask())["nats"]
