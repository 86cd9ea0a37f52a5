"""Others are told that beacon jobs have ended, on both stores."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import pytest

from drover.app.beacons.callbacks import AT_A_TIME, OF_RECEIVER, OF_UNKNOWN, Callbacks
from drover.app.signed_posts import PAUSES_S, SIGNATURE
from drover.faces.tmm import callback_body
from drover.model.errors import Full
from drover.ports.web import WebFailure, WebResponse
from drover.store.migrate import load_migrations

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Receiver:
    """Another server: keeps what it is sent, and answers what it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def fetch(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return WebResponse(status=answer, headers={}, body=b"", url=request.url, duration_ms=1)


class Called(Callbacks):
    """Callbacks of which each turn is waited for."""

    async def tick(self):
        await super().tick()
        await self.settle()


def _callbacks(tmm, receiver, kind=Called):
    return kind(tmm.store, receiver, b"secret", callback_body, tmm.heart.signals.callbacks)


async def _make_due(tmm):
    await tmm.database.write(
        lambda tx: tx.execute_sql(
            "UPDATE beacon_job SET callback_due_ms = 1 WHERE callback_due_ms IS NOT NULL"
        )
    )


@pytest.mark.parametrize("ending", ["end", "cancel"])
async def test_the_end_of_a_job_is_told_once_and_signed(tmm, ending):
    receiver = Receiver()
    callbacks = _callbacks(tmm, receiver)
    number = await tmm.create(callback_url="https://x.test/done?a=1")
    await callbacks.tick()
    assert receiver.requests == []
    job = await tmm.act(number, ending)
    assert tmm.heart.signals.callbacks.is_set()

    await callbacks.tick()
    await callbacks.tick()

    [request] = receiver.requests
    header = dict(request.headers)[SIGNATURE]
    seconds, _, digest = header.removeprefix("t=").partition(",v1=")
    signed = f"{seconds}.".encode() + request.body
    assert (request.method, request.url) == ("POST", "https://x.test/done?a=1")
    assert json.loads(request.body) == job
    assert digest == hmac.new(b"secret", signed, hashlib.sha256).hexdigest()
    assert abs(int(seconds) - time.time()) < 60


async def test_a_dead_job_is_told_too(tmm):
    receiver = Receiver()
    number = await tmm.create(callback_url="http://x.test/", max_attempts="1")
    await tmm.act(number, "pickup")
    await tmm.run_out(number)

    await _callbacks(tmm, receiver).tick()

    assert json.loads(receiver.requests[0].body)["dead"] is True


async def test_who_cannot_be_told_is_told_again_later_and_given_up_at_last(tmm):
    failures = [WebFailure("Refused", "a private address"), 500, 302] + [500] * len(PAUSES_S)
    receiver = Receiver(*failures)
    callbacks = _callbacks(tmm, receiver)
    number = await tmm.create(callback_url="http://x.test/")
    await tmm.act(number, "end")

    await callbacks.tick()
    await callbacks.tick()
    assert len(receiver.requests) == 1  # the next try is for later
    for _ in range(len(PAUSES_S) + 3):
        await _make_due(tmm)
        await callbacks.tick()

    assert len(receiver.requests) == len(PAUSES_S) + 1


async def test_many_callbacks_are_made_some_at_a_time(tmm):
    receiver = Receiver()
    callbacks = _callbacks(tmm, receiver)
    for _ in range(OF_UNKNOWN + OF_RECEIVER + 1):
        await tmm.act(await tmm.create(callback_url="http://x.test/"), "end")

    made, woken = [], []
    for _ in range(3):
        tmm.heart.signals.callbacks.clear()
        await callbacks.tick()
        made.append(len(receiver.requests))
        woken.append(tmm.heart.signals.callbacks.is_set())

    assert made == [OF_UNKNOWN, OF_UNKNOWN + OF_RECEIVER, OF_UNKNOWN + OF_RECEIVER + 1]
    assert woken == [True, True, False]  # only where one could not be begun is there to look again


class Hanging(Receiver):
    """Servers of which one does not answer before it is let go."""

    def __init__(self):
        super().__init__()
        self.let_go = asyncio.Event()

    async def fetch(self, request):
        answer = await super().fetch(request)
        if "dead.test" in request.url:
            await self.let_go.wait()
            raise WebFailure("Timeout", "no answer")
        return answer

    def called(self, host):
        """Return how often a server was called."""
        return sum(host in each.url for each in self.requests)


async def test_a_receiver_that_hangs_holds_up_nobody_else(tmm):
    receiver = Hanging()
    callbacks = _callbacks(tmm, receiver, Callbacks)
    for _ in range(AT_A_TIME):
        await tmm.act(await tmm.create(callback_url="http://dead.test:81/"), "end")
    for _ in range(3):
        await tmm.act(await tmm.create(callback_url="http://ok.test/"), "end")

    while receiver.called("ok.test") < 3 or receiver.called("dead.test") < OF_UNKNOWN:
        await callbacks.tick()
        await asyncio.sleep(0)
    hung = receiver.called("dead.test")
    receiver.let_go.set()
    await callbacks.settle()
    receiver.let_go.clear()
    await callbacks.tick()
    await asyncio.sleep(0)

    assert hung == OF_UNKNOWN
    while receiver.called("dead.test") == OF_UNKNOWN:
        await asyncio.sleep(0)
    assert receiver.called("dead.test") == OF_UNKNOWN + 1  # one at a time once it has failed
    receiver.let_go.set()
    await callbacks.settle()


async def test_receivers_take_turns(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.callbacks.AT_A_TIME", 1)
    receiver = Receiver()
    callbacks = _callbacks(tmm, receiver)
    for host in "aab":
        await tmm.act(await tmm.create(callback_url=f"http://{host}.test/"), "end")

    for _ in range(3):
        await callbacks.tick()

    hosts = [each.url for each in receiver.requests]
    assert hosts == ["http://a.test/", "http://b.test/", "http://a.test/"]


async def test_receivers_behind_a_full_page_without_room_have_their_turn(tmm, monkeypatch):
    monkeypatch.setattr("drover.app.beacons.callbacks._LOOKED_AT", 1)
    receiver = Hanging()
    callbacks = _callbacks(tmm, receiver, Callbacks)
    for _ in range(OF_UNKNOWN + 1):
        await tmm.act(await tmm.create(callback_url="http://a.dead.test/"), "end")
    await callbacks.tick()
    callbacks._last = ""
    await tmm.act(await tmm.create(callback_url="http://ok.test/"), "end")

    for _ in range(2):
        await callbacks.tick()
    receiver.let_go.set()
    await callbacks.settle()

    assert receiver.called("ok.test") == 1


async def test_the_ports_of_a_host_are_one_receiver(tmm):
    receiver = Receiver()
    for port in range(OF_UNKNOWN + 1):
        await tmm.act(await tmm.create(callback_url=f"http://x.test:{port + 80}/"), "end")

    await _callbacks(tmm, receiver).tick()

    assert len(receiver.requests) == OF_UNKNOWN


async def test_a_fault_of_ours_puts_a_callback_off_and_is_no_failure_of_its_receiver(tmm):
    receiver = Receiver(ZeroDivisionError(), ZeroDivisionError())
    callbacks = _callbacks(tmm, receiver)
    for _ in range(OF_UNKNOWN + 1):
        await tmm.act(await tmm.create(callback_url="http://x.test/"), "end")

    await callbacks.tick()
    due = await tmm.database.read(
        lambda tx: tx.fetch_sql(
            "SELECT callback_due_ms - execution.completed_ms AS rest_ms FROM beacon_job"
            " JOIN execution USING (number) WHERE callback_tries = 1"
        )
    )

    assert callbacks._places.room("x.test") == OF_UNKNOWN
    assert [row["rest_ms"] < 60_000 for row in due] == [True] * OF_UNKNOWN


async def test_a_callback_that_a_store_without_room_could_not_note_is_made_again(tmm):
    class NoRoom(Receiver):
        async def fetch(self, request):
            await super().fetch(request)
            raise Full("no room")

    receiver = NoRoom()
    callbacks = _callbacks(tmm, receiver)
    await tmm.act(await tmm.create(callback_url="http://x.test/"), "end")

    await callbacks.tick()
    await _make_due(tmm)
    await callbacks.tick()

    assert len(receiver.requests) == 2


async def test_a_discarded_job_tells_nobody_and_keeps_no_other_callback_back(tmm):
    receiver = Receiver()
    hidden = await tmm.create(callback_url="http://x.test/hidden")
    number = await tmm.create(callback_url="http://x.test/")
    for each in (hidden, number):
        await tmm.act(each, "end")
    await tmm.set(hidden, discarded=1)

    await _callbacks(tmm, receiver).tick()

    assert [each.url for each in receiver.requests] == ["http://x.test/"]


async def test_callbacks_stored_by_an_earlier_version_are_made_once_their_job_has_ended(tmm):
    receiver = Receiver()
    waiting, ended = [await tmm.create(callback_url="http://x.test/") for _ in range(2)]
    await tmm.done("POST", "", name="t", schedule="1", callback_url="http://x.test/")
    await tmm.act(ended, "end")
    [step] = [each for each in load_migrations(tmm.database.dialect) if each.version == 53]

    async def work(tx):
        await tx.execute_sql("UPDATE beacon_job SET callback_due_ms = 0")  # as it was until then
        for update in step.sql.split(";")[:2]:
            await tx.execute_sql(update)
        return await tx.fetch_sql("SELECT number FROM beacon_job WHERE callback_due_ms = 0")

    due = await tmm.database.write(work)
    callbacks = _callbacks(tmm, receiver)
    await callbacks.tick()
    await tmm.act(waiting, "end")
    await callbacks.tick()

    assert [row["number"] for row in due] == [ended]
    assert [json.loads(each.body)["id"] for each in receiver.requests] == [ended, waiting]
