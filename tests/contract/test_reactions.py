"""What workflows that react keep, on each database: memories, awaited replies, silences."""

import asyncio

import msgspec
import pytest

from drover.app.answering import FlowHost, Tools
from drover.app.device_reports import DeviceReports, StateReport
from drover.app.host import memory as memory_host
from drover.app.host import series as series_host
from drover.app.live.silences import AT_A_TIME, SilenceWatch
from drover.app.live.state_triggers import LiveTriggers
from drover.app.replies import AwaitedReplies
from drover.flows.matching import matches
from drover.kinds.device import KIND as DEVICE
from drover.kinds.flow import KIND as FLOW
from drover.model.errors import TooMany, Unavailable
from drover.ports.jobs import Firing
from drover.ports.mail import MailFailure
from drover.ports.runner import FlowBatch
from drover.store.session import SqlStore
from drover.system import RandomIds, SystemClock
from tests.support.catalog_server import CatalogServer, user

NOBODY = "0" * 24


class World:
    """A server with one application, one workflow and one device."""

    def __init__(self, database):
        self.server, self.store = CatalogServer(database), SqlStore(database)
        self.woken, self.store.fired = 0, self.wake

    async def prepare(self):
        kinds = self.server.catalog.kinds
        self.application = await self.make(kinds["application"], {"name": "App"}, "")
        self.flow = await self.make(FLOW, {"name": "Flow"})
        body = {"name": "pump", "tags": [{"key": "hall", "value": "A"}]}
        attributes = [{"name": "level", "dataType": "number"}]
        self.device = await self.make(DEVICE, {**body, "attributes": attributes})
        self.reports = DeviceReports(self.store, RandomIds(), SystemClock(), [LiveTriggers()])
        return self

    def wake(self):
        self.woken += 1

    async def make(self, kind, body, application=None):
        application = self.application if application is None else application
        made = await self.server.catalog.create(
            user(), kind, application, msgspec.json.encode(body)
        )
        return msgspec.json.decode(made)["id"]

    async def waits(self, kind, key, **config):
        trigger = {"type": kind, "key": key, "config": config, "outputIds": [[]]}
        body = {"name": "waits", "triggers": [trigger], "nodes": []}
        return await self.make(FLOW, body)

    async def report(self, level=1, **more):
        report = StateReport(data={"level": level}, **more)
        await self.reports.record(user(), self.application, self.device, [report])

    async def leased(self):
        now_ms = await self.store.read(lambda session: session.now_ms())
        found = await self.store.write(
            lambda session: session.jobs.firings.lease(10, now_ms + 1000, now_ms + 60_000)
        )
        return [each.firing for each in found]

    async def advance(self, *requests):
        return await self.ask("memory.advance", *requests)

    async def ask(self, operation, *requests, mail=None):
        tools = Tools(
            services=self.server.services,
            store=self.store,
            ids=RandomIds(),
            acks=self.server.heart.acks,
            web=None,
            mail=mail,
        )
        batch = FlowBatch(
            application_id=self.application,
            flow_id=self.flow,
            flow_tag="t",
            flow=b"{}",
            trigger_index=0,
            caused_by_flow_error=False,
            depth=0,
            deadline_ms=1000,
            payloads=[],
        )
        return await FlowHost(tools).call(batch, operation, requests)


@pytest.fixture
async def world(database):
    return await World(database).prepare()


def latch(key, *, on=False, off=False, node="n"):
    return {"rule": "latch", "node": node, "key": key, "latch": on, "reset": off}


async def test_memories_move_on_in_order_each_under_its_node_and_key(world):
    first = await world.advance(
        latch("a", on=True), latch("b"), latch("a", on=True), latch("a", on=True, node="m")
    )
    second = await world.advance(latch("a", on=True), latch("a", off=True), latch("a", on=True))

    assert [each["result"]["latches"] for each in first] == [True, False, False, True]
    assert [each["result"]["latches"] for each in second] == [False, False, True]


async def test_a_node_that_remembers_too_much_is_told_so_and_what_it_knows_goes_on(
    world, monkeypatch
):
    monkeypatch.setattr(memory_host, "MOST_REMEMBERED", 2)

    answers = await world.advance(*(latch(key, on=True) for key in ("a", "b", "c")))
    later = await world.advance(latch("a", off=True), latch("c", on=True), latch("b", on=True))

    assert [sorted(each) for each in answers] == [["result"], ["result"], ["error"]]
    assert answers[2]["error"]["type"] == "Validation"
    assert [sorted(each) for each in later] == [["result"], ["result"], ["result"]]
    assert [sorted(each) for each in await world.advance(latch("d", on=True))] == [["error"]]


async def test_concurrent_runs_let_one_pass(world):
    ask = {"rule": "throttle", "node": "n", "key": "", "spacingMs": 60_000}

    answers = await asyncio.gather(*(world.advance(ask) for _ in range(8)))

    assert sum(answer["result"]["passes"] for (answer,) in answers) == 1


async def test_memories_go_with_their_workflow(world):
    await world.advance(latch("a", on=True))

    await world.server.catalog.delete(user(), FLOW, world.application, world.flow)

    size = await world.store.read(lambda s: s.flows.memory.size(world.flow, "n"))
    assert size == 0


# ---------------------------------------------------------------------- replies


def firing(world):
    return Firing(application_id=world.application, trigger_type="webhook", key=NOBODY)


async def never():
    await asyncio.Event().wait()


async def until(check):
    async with asyncio.timeout(60):
        while not await check():
            await asyncio.sleep(0)


async def test_the_first_reply_counts_and_wakes_who_waits(world):
    replies = AwaitedReplies(world.store, seconds=60)
    asked = asyncio.create_task(replies.ask("r1", firing(world), never))

    async def given():
        return await replies.give(world.application, "r1", b'"one"')

    await until(given)

    assert await replies.give(world.application, "r1", b'"two"') is False
    assert await asked == b'"one"'
    assert [each.trigger_type for each in await world.leased()] == ["webhook"]
    assert world.woken == 1


async def test_a_reply_given_on_another_server_is_found(world):
    here, there = (AwaitedReplies(world.store, seconds=60) for _ in range(2))
    asked = asyncio.create_task(here.ask("r1", firing(world), never))

    await until(lambda: there.give(world.application, "r1", b"1"))

    assert await asked == b"1"


async def test_nobody_replies_to_another_applications_request_or_to_none(world):
    replies = AwaitedReplies(world.store, seconds=0.3)
    asked = asyncio.create_task(replies.ask("r1", firing(world), never))

    found = [await replies.give("b" * 24, "r1", b"1"), await replies.give("a" * 24, "r2", b"1")]

    assert found == [False, False]
    assert await asked is None


async def test_it_is_not_waited_on_for_a_client_that_has_left(world):
    replies = AwaitedReplies(world.store, seconds=600)

    async def gone():
        return

    assert await replies.ask("r1", firing(world), gone) is None


async def test_more_than_may_wait_are_refused_and_a_stop_ends_the_wait(world):
    replies = AwaitedReplies(world.store, most=1, seconds=600)
    asked = asyncio.create_task(replies.ask("r1", firing(world), never))
    await until(lambda: _true(world.woken))

    with pytest.raises(TooMany) as full:
        await replies.ask("r2", firing(world), never)
    replies.stop()

    assert full.value.limit == "max_waiting_replies"
    with pytest.raises(Unavailable):
        await asked


async def _true(value):
    return bool(value)


async def test_replies_that_nobody_waits_for_any_more_are_forgotten(world):
    async def begin(session):
        await session.replies.wait_for(world.application, "old", 1)
        await session.replies.clear(2)

    await world.store.write(begin)

    given = await world.store.write(lambda s: s.replies.give(world.application, "old", b"1"))
    assert given is False


# ---------------------------------------------------------------------- silences


async def test_a_device_that_falls_silent_starts_the_workflows_that_wait_for_it_once(world):
    await world.waits("deviceIdInactivity", world.device, seconds=1)
    await world.waits("deviceTagInactivity", "hall/", seconds=3600)
    await world.waits("deviceTagInactivity", "hall/B", seconds=1)
    watch = SilenceWatch(world.store)
    assert await watch.tick() is None
    await world.report()
    first = await watch.tick()
    assert 0 < first <= 1

    async def silent():
        return await watch.tick() > 1

    await until(silent)
    assert world.woken == 1
    (fired,) = await world.leased()

    assert (fired.trigger_type, fired.key) == ("deviceIdInactivity", world.device)
    data = msgspec.json.decode(fired.data)
    assert data["inactivitySeconds"] == 1
    assert list(data["lastActivity"]) == ["$date"]
    root = msgspec.json.decode(fired.root)
    assert root["relayId"] == f"inactivity-{world.device}-1"
    assert root["relayType"] == "timer"
    assert matches(b'{"seconds":1}', fired)
    assert not matches(b'{"seconds":2}', fired)
    assert not matches(b"{}", fired)


async def test_a_report_starts_the_clock_anew(world):
    await world.waits("deviceTagInactivity", "/A", seconds=3600)
    watch = SilenceWatch(world.store)
    await world.report()
    before = await world.store.read(lambda session: session.silences.next_ms())
    while await world.store.read(lambda session: session.silences.next_ms()) == before:
        await world.report()

    assert await watch.tick() > 3000
    assert world.woken == 0
    assert await world.leased() == []


async def test_a_deleted_devices_silence_starts_nothing(world):
    await world.waits("deviceIdInactivity", world.device, seconds=1)
    await world.report()
    await world.server.catalog.delete(user(), DEVICE, world.application, world.device)
    watch = SilenceWatch(world.store)

    async def over():
        return await watch.tick() is None

    await until(over)

    assert await world.leased() == []


async def test_each_clock_that_has_run_down_is_taken_by_one_watcher(world):
    await world.waits("deviceIdInactivity", world.device, seconds=1)
    await world.report()
    later = await world.store.read(lambda session: session.silences.next_ms())

    async def take():
        return await world.store.write(lambda s: s.silences.take(later, AT_A_TIME))

    taken = await asyncio.gather(*(take() for _ in range(4)))

    assert sorted(map(len, taken)) == [0, 0, 0, 1]


# ---------------------------------------------------------------------- series


def series(world, **more):
    asked = {
        "method": "listed",
        "ids": [world.device],
        "tags": [],
        "attributes": ["level"],
        "aggregation": "SUM",
        "duration": 3_600_000,
        "perDevice": False,
        "single": False,
        "held": "",
        "limit": 2,
        "order": "asc",
    }
    return {**asked, **more}


async def result(world, operation, request, **more):
    (answer,) = await world.ask(operation, request, **more)
    assert "error" not in answer, answer
    return answer["result"]


async def refused(world, operation, request, **more):
    (answer,) = await world.ask(operation, request, **more)
    return answer["error"]["type"]


def values(points):
    return [point["value"] for point in points]


async def test_reported_values_are_summed_up_over_devices_or_each(world):
    for level in (1, 2, 4):
        await world.report(level, time=-60_000 + level)

    assert values(await result(world, "series.query", series(world))) == [7]
    by_tag = series(world, ids=[], tags=[{"key": "hall"}], single=True)
    assert (await result(world, "series.query", by_tag))["value"] == 7
    each = await result(world, "series.query", series(world, perDevice=True))
    assert values(each[world.device]) == [7]
    two = await result(world, "series.query", series(world, attributes=["level", "none"]))
    assert list(two) == ["level"]
    assert await result(world, "series.query", series(world, ids=["f" * 24])) == {}
    assert await result(world, "series.query", series(world, method="name", value="none")) == {}


async def test_the_newest_value_is_told_without_a_duration(world):
    await world.report(1, time=-60_000)
    await world.report(5)

    newest = await result(world, "series.query", series(world, duration=None))
    each = await result(world, "series.query", series(world, duration=None, perDevice=True))

    assert newest["value"] == each[world.device]["value"] == 5
    assert list(newest["time"]) == ["$date"]
    none = series(world, duration=None, attributes=["none"])
    assert await result(world, "series.query", none) == {}


async def test_values_may_be_told_as_they_were_up_to_a_limit(world):
    for level in (1, 2, 4):
        await world.report(level, time=-60_000 + level)

    told = await result(world, "series.query", series(world, aggregation="NONE", order="desc"))

    device = told["devices"][world.device]
    assert device["name"] == "pump"
    assert device["tags"] == {"hall": ["A"]}
    assert [point["data"]["level"] for point in device["points"]] == [4, 2]
    assert device["limitExceeded"] is True


async def test_a_limit_counts_moments_of_the_attributes_that_are_asked_for(world, monkeypatch):
    attributes = [{"name": name, "dataType": "number"} for name in ("level", "other")]
    two = await world.make(DEVICE, {"name": "two", "attributes": attributes})
    reports = [
        StateReport(data={name: number}, time=-number)
        for number, name in ((500, "level"), (400, "level"), (300, "other"), (200, "other"))
    ]
    await world.reports.record(user(), world.application, two, reports)
    asked = series(world, ids=[two], aggregation="NONE", duration=60_000, limit=1, order="desc")
    monkeypatch.setattr(series_host, "MOST_MOMENTS", 2)

    told = await result(world, "series.query", asked)

    (device,) = told["devices"].values()
    assert [point["data"] for point in device["points"]] == [{"level": 400}]
    assert device["limitExceeded"]
    assert await result(world, "series.query", {**asked, "aggregation": "COUNT"})


async def test_values_as_they_were_reach_back_over_the_whole_duration(world):
    await world.report(3, time=-3_550_000)
    asked = series(world, aggregation="NONE", duration=3_600_000, resolution=3_600_000)

    told = await result(world, "series.query", asked)

    points = told["devices"][world.device]["points"]
    assert [point["data"]["level"] for point in points] == [3]


async def test_too_much_is_refused(world, monkeypatch):
    await world.report()
    await world.report(time=-60_000)

    buckets = series(world, resolution=1)
    assert await refused(world, "series.query", buckets) == "Validation"
    monkeypatch.setattr(series_host, "MOST_MOMENTS", 1)
    assert await refused(world, "series.query", series(world)) == "PayloadTooLarge"
    monkeypatch.setattr(series_host, "MOST_DEVICES", 0)
    assert await refused(world, "series.query", series(world)) == "PayloadTooLarge"


# ---------------------------------------------------------------------- e-mails and replies


class FakeMail:
    def __init__(self):
        self.sent, self.failure = [], None

    async def send(self, message):
        if self.failure:
            raise self.failure
        self.sent.append(message)


async def test_emails_are_sent_in_both_forms_few_at_a_time(world):
    mail = FakeMail()
    email = {"to": ["a@b.c"], "subject": "s", "html": "<p>1 &lt; 2</p>"}

    answers = await world.ask("email.send", *[email] * 11, mail=mail)

    assert sum("result" in answer for answer in answers) == len(mail.sent) == 10
    (refusal,) = [answer["error"]["type"] for answer in answers if "error" in answer]
    assert refusal == "TooManyRequests"
    assert (mail.sent[0].text, mail.sent[0].html) == ("1 < 2", "<p>1 &lt; 2</p>")


@pytest.mark.parametrize(
    "changed",
    [
        {"to": []},
        {"to": ["a@b.c\nBcc: x@y.z"]},
        {"to": ["a@b.c,d@e.f"]},
        {"subject": "s" * 999},
        {"html": "x" * 1_048_577},
    ],
)
async def test_an_email_that_is_none_is_refused(world, changed):
    email = {"to": ["a@b.c"], "subject": "s", "html": "b", **changed}

    assert await refused(world, "email.send", email, mail=FakeMail()) == "Validation"


async def test_an_email_that_cannot_be_sent_is_told(world):
    mail, email = FakeMail(), {"to": ["a@b.c"], "subject": "s", "html": "b"}
    mail.failure = MailFailure("away")

    assert await refused(world, "email.send", email, mail=mail) == "Unavailable"
    assert await refused(world, "email.send", email) == "NotImplemented"


async def test_a_reply_keeps_only_headers_and_cookies_that_can_be_sent(world):
    def begin(session):
        return session.replies.wait_for(world.application, "r1", 2**50)

    await world.store.write(begin)
    headers = [("X-A", "1"), ("Transfer-Encoding", "chunked"), ("X B", "1"), ("X-C", "a\r\nd: e")]
    cookies = [
        {"name": "a", "value": "b", "maxAge": 0, "site": "none"},
        {"name": "a b", "value": "", "maxAge": None, "site": "lax"},
        {"name": "c", "value": '{"k": "b;ü%20"}\r\n', "maxAge": None, "site": "lax"},
        {"name": "d", "value": "Bearer a-b_c.d+/=", "maxAge": None, "site": "lax"},
        {"name": "e", "value": " " * 2000, "maxAge": None, "site": "lax"},
    ]
    reply = {"replyId": "r1", "status": 200, "headers": headers, "cookies": cookies, "body": "x"}

    assert await result(world, "reply.give", reply) is True
    assert await result(world, "reply.give", reply) is False
    given = await world.store.read(lambda session: session.replies.given(["r1"]))
    kept = msgspec.json.decode(given["r1"])
    assert kept["headers"] == [["x-a", "1"]]
    assert kept["cookies"] == [
        "a=b; Max-Age=0; SameSite=None; HttpOnly; Secure",
        "c={%22k%22:%20%22b%3B%C3%BC%2520%22}%0D%0A; SameSite=Lax; HttpOnly",
        "d=Bearer%20a-b_c.d+/=; SameSite=Lax; HttpOnly",
    ]
