"""Templates of beacon jobs over HTTP on both stores, and telling others that jobs have ended."""

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
from drover.store.beacons import BeaconStore

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _template(tmm, key=None, /, **form):
    return await tmm.done("POST", "", key, **{"name": "nightly", "schedule": "1", **form})


async def _scheduled(tmm, key=None):
    return await tmm.done("GET", "/scheduled", key)


async def _fall_due(tmm, number, due_ms=None):
    """Let a template be due at a full minute that has just begun, and act on it."""
    due_ms = due_ms or int(time.time()) // 60 * 60_000
    await tmm.database.write(
        lambda tx: tx.execute_sql(
            "UPDATE schedule SET next_due_ms = :due_ms WHERE ref = :ref",
            {"due_ms": due_ms, "ref": str(number)},
        )
    )
    await tmm.scheduler.tick()
    return due_ms // 1000


# Templates ----------------------------------------------------------------------------------------


async def test_a_template_with_a_unique_key_is_made_once_however_often_it_is_asked_for(tmm):
    form = {"name": "a", "schedule": "1", "q": "1", "unique_key": "k"}
    first = await tmm.send("POST", data=form)
    again = await tmm.send("POST", data={**form, "name": "b"})
    job = await tmm.send("POST", data={"name": "c", "unique_key": "k"})

    number = first.json()["id"]
    assert [each.json()["id"] for each in (again, job)] == [number, number]
    assert again.headers["X-Duplicate-Of"] == str(number)
    assert "X-Duplicate-Of" not in first.headers
    assert [each["id"] for each in await _scheduled(tmm)] == [number]
    [copy] = await tmm.done("GET")
    assert (copy["duplicate_of"], copy["unique_key"]) == (number, None)
    await _fall_due(tmm, number)
    assert {each["unique_key"] for each in await tmm.done("GET")} == {None}


async def test_a_template_is_no_job_but_can_be_shown_and_listed(tmm):
    job = await _template(tmm, tasks='[{"n":1}]', beacon_name="x", hour="3")

    assert (job["status"], job["scheduled"], job["schedule_active"]) == ("scheduled", True, True)
    assert (job["q_time"], job["tasks"]) == (None, [{"n": 1}])
    assert await tmm.show(job["id"]) == job
    assert await tmm.done("GET") == []
    assert [each["id"] for each in await tmm.done("GET", "", scheduled="true")] == [job["id"]]
    [entry] = await _scheduled(tmm)
    assert entry["next_run"] % 86_400 == 3 * 3600
    assert entry == {
        "name": "nightly",
        "id": job["id"],
        "scheduled_job_id": job["id"],
        "active": True,
        "next_run": entry["next_run"],
        "last_run": None,
    }


async def test_templates_of_others_are_not_listed(tmm):
    ann = await tmm.new_key(await tmm.user(tmm.token, "ann@example.com"))
    job = await _template(tmm)

    assert await _scheduled(tmm, ann) == []
    for action in ("trigger", "update"):
        assert (await tmm.refused(job["id"], action, ann)) == (404, "not_found")
    assert (await tmm.send("GET", f"/{job['id']}?action=preview", ann)).status_code == 404


async def test_left_out_fields_mean_once_an_hour_at_the_full_hour(tmm):
    hourly = await _template(tmm)
    daily = await _template(tmm, hour="3", min="")

    moments = await tmm.done("GET", f"/{hourly['id']}", action="preview", count="3")
    days = await tmm.done("GET", f"/{daily['id']}", action="preview", count="3")

    assert [each % 3600 for each in moments] == [0, 0, 0]
    assert [moments[1] - moments[0], days[1] - days[0]] == [3600, 86_400]
    assert len(await tmm.done("GET", f"/{hourly['id']}", action="preview")) == 20


async def test_a_window_bounds_what_is_due_both_ends_included(tmm):
    start = (int(time.time()) // 3600 + 2) * 3600

    job = await _template(tmm, min="*/30", start_date=start, end_date=start + 3600)

    moments = await tmm.done("GET", f"/{job['id']}", action="preview")
    assert moments == [start, start + 1800, start + 3600]


async def test_a_window_that_is_over_makes_an_inactive_template(tmm):
    job = await _template(tmm, start_date="1000", end_date="2000")

    assert job["schedule_active"] is False
    assert (await _scheduled(tmm))[0]["next_run"] is None
    assert await tmm.done("GET", f"/{job['id']}", action="preview") == []


@pytest.mark.parametrize(
    "form",
    [
        {"hour": "24"},
        {"min": "60"},
        {"dom": "0"},
        {"month": "13"},
        {"dow": "8"},
        {"min": "x"},
        {"min": "5-1"},
        {"min": "*/0"},
        {"min": "1,,2"},
        {"dom": "31", "month": "feb"},
        {"start_date": "x"},
        {"start_date": "5000000000", "end_date": "4999999999"},
        {"min": "1" * 300},
    ],
)
async def test_a_template_that_cannot_be_due_is_refused_and_not_stored(tmm, form):
    answer = await tmm.send("POST", data={"name": "a", "schedule": "1", **form})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_param")
    assert await _scheduled(tmm) == []


async def test_without_schedule_its_fields_are_ignored_even_malformed(tmm):
    job = await tmm.done("POST", "", name="a", schedule="0", hour="99", start_date="x", min="?")

    assert (job["status"], job["scheduled"]) == ("new", False)


async def test_a_template_that_is_queued_too_adds_one_job_now(tmm):
    template = await _template(tmm, q="1", tasks='[{"n":1}]')

    [copy] = await tmm.done("GET")

    assert template["status"] == "scheduled"
    assert (copy["duplicate_of"], copy["status"]) == (template["id"], "queued")
    assert copy["q_time"] == copy["add_time"]


async def test_who_waits_is_handed_the_job_that_a_template_adds_at_once(tmm):
    asked = tmm.send("POST", "?action=pickup&wait=30")
    waiting = asyncio.create_task(asked)
    while not len(tmm.beacons.waiters):
        await asyncio.sleep(0)

    template = await _template(tmm, q="1")

    assert (await waiting).json()["duplicate_of"] == template["id"]


async def test_a_due_minute_adds_one_job_however_often_it_is_looked_at(tmm):
    job = await _template(tmm, tasks='[{"n":1}]', beacon_name="x", priority="4", labels="a")

    due = await _fall_due(tmm, job["id"])
    await _fall_due(tmm, job["id"], due * 1000)

    [added] = await tmm.done("GET")
    assert (added["q_time"], added["duplicate_of"], added["status"]) == (due, job["id"], "queued")
    for name in ("name", "user", "beacon_name", "priority", "labels", "total_tasks"):
        assert added[name] == job[name]
    assert added["unique_key"] is None
    assert (await _scheduled(tmm))[0]["last_run"] == due
    assert tmm.heart.signals.beacons.is_set()


async def test_many_templates_that_are_due_together_cost_as_few_statements_as_one(tmm, monkeypatch):
    jobs = [
        await _template(tmm, name=f"n{n}", tasks='[{"n":1}]', labels="a,b", lease="20", timeout="9")
        for n in range(12)
    ]
    due_ms = int(time.time()) // 60 * 60_000
    await tmm.database.write(
        lambda tx: tx.execute_sql("UPDATE schedule SET next_due_ms = :due_ms", {"due_ms": due_ms})
    )
    calls = []
    real = BeaconStore.add_copies

    async def counted(self, copies, now_ms):
        calls.append(len(copies))
        await real(self, copies, now_ms)

    monkeypatch.setattr(BeaconStore, "add_copies", counted)

    await tmm.scheduler.tick()

    added = {each["duplicate_of"]: each for each in await tmm.done("GET")}
    assert calls == [12]
    assert added.keys() == {job["id"] for job in jobs}
    for job in jobs:
        by_hand = await tmm.act(job["id"], "trigger")
        by_time = await tmm.show(added[job["id"]]["id"])
        ignored = {"id", "job_id", "q_time", "add_time"}
        assert {k: v for k, v in by_time.items() if k not in ignored} == {
            k: v for k, v in by_hand.items() if k not in ignored
        }


async def test_a_schedule_without_its_template_adds_nothing(tmm):
    job = await _template(tmm)
    await tmm.database.write(lambda tx: tx.execute_sql("DELETE FROM execution"))

    await _fall_due(tmm, job["id"])

    assert await tmm.done("GET") == []


@pytest.mark.parametrize(
    ("text", "active"),
    [("false", False), ("0", False), ("true", True), ("1", True), ("", True), ("no", True)],
)
async def test_a_template_is_switched_off_by_false_and_0_alone(tmm, text, active):
    job = await _template(tmm)

    switched = await tmm.done("POST", f"/{job['id']}", schedule_active=text)

    assert switched["schedule_active"] is active
    assert (await _scheduled(tmm))[0]["active"] is active


async def test_switched_on_again_a_template_does_not_make_up_for_what_it_missed(tmm):
    job = await _template(tmm)
    await tmm.done("POST", f"/{job['id']}", schedule_active="0")
    await _fall_due(tmm, job["id"])
    assert await tmm.done("GET") == []

    await tmm.done("POST", f"/{job['id']}", schedule_active="1")
    await tmm.scheduler.tick()

    assert await tmm.done("GET") == []
    assert (await _scheduled(tmm))[0]["next_run"] > time.time()


async def test_what_is_no_template_is_not_switched_triggered_or_previewed(tmm):
    number = await tmm.create()

    job = await tmm.done("POST", f"/{number}", schedule_active="0", curtask="1")

    assert (job["schedule_active"], job["cur_task"]) == (None, 1)
    assert await tmm.refused(number, "trigger") == (409, "conflict")
    assert (await tmm.send("GET", f"/{number}?action=preview")).status_code == 409


async def test_a_template_is_triggered_by_hand(tmm):
    job = await _template(tmm)

    added = await tmm.act(job["id"], "trigger")

    assert (added["duplicate_of"], added["status"]) == (job["id"], "queued")


# Callbacks ----------------------------------------------------------------------------------------


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
