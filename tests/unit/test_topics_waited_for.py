"""What workflows wait for is listened to, whatever is wrong with those of one application."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace

import pytest
from nats.errors import ConnectionClosedError

from drover.model.errors import Unavailable
from drover.mqtt.intake import BrokerIntake
from drover.ports.door import Waited
from tests.support.broker_account import Account
from tests.support.flushed import Flushed

ONE, TWO = "1" * 24, "2" * 24


class Listening:
    """A subscription: it notes when it ends, which may fail."""

    def __init__(self, subject, log, failing=False):
        self.subject, self._log, self._failing = subject, log, failing

    async def unsubscribe(self):
        self._log.append(("end", self.subject))
        if self._failing:
            raise ConnectionClosedError

    async def drain(self):
        self._log.append(("finish", self.subject))
        if self._failing:
            raise ConnectionClosedError


class Client(Flushed):
    """The connection to the platform's account, on which some subjects are refused."""

    def __init__(self, log):
        self._log = log
        self.refused = set()
        self.queues = {}

    async def subscribe(self, subject, queue, cb):
        if subject in self.refused:
            raise ConnectionClosedError
        self.queues[subject] = queue
        self._log.append(("begin", subject))
        return Listening(subject, self._log)


class Link:
    """Notes what it is told to hear, and what is listened to; some applications it cannot serve."""

    def __init__(self):
        self.log = []
        self.heard = {}
        self.told = []
        self.failing = {}
        self.known = set()
        self.takes = {}
        self.platform = Client(self.log)
        self.accounts = defaultdict(Account)

    async def hear(self, application_id, roots):
        if application_id in self.failing:
            raise self.failing[application_id]
        self.known.add(application_id)
        self.told.append((application_id, roots))
        self.heard[application_id] = roots

    def hears(self, application_id, root):
        return root in self.heard.get(application_id, ())

    def account(self, name):
        return name

    async def client(self, _account):
        return self.platform

    async def application(self, application_id):
        if application_id in self.failing:
            raise self.failing[application_id]
        return self.accounts[application_id]

    async def listen(self, application_id, topic_filter, take, queue):
        if application_id in self.failing:
            raise self.failing[application_id]
        self.log.append(("begin", topic_filter))
        self.takes[topic_filter] = take
        self.platform.queues[topic_filter] = queue
        return [Listening(topic_filter, self.log, failing=True)]


class Workflows:
    """What they wait for."""

    has_room = True

    def __init__(self, *waited):
        self.waited = [Waited(*each) for each in waited]
        self.heard = []

    def message(self, topic_filter, message):
        self.heard.append((topic_filter, message.topic))

    async def waited_for(self):
        return self.waited


def looking(*waited):
    link, workflows = Link(), Workflows(*waited)
    return link, workflows, BrokerIntake(link, workflows, connections=None, most_bytes=1)


@pytest.mark.parametrize("failure", [Unavailable("refused"), ConnectionClosedError(), OSError()])
async def test_one_application_that_cannot_be_heard_holds_up_no_other(failure):
    link, _, intake = looking((ONE, "a/#"), (TWO, "b"))
    link.failing[ONE] = failure

    await intake._look()

    assert link.told == [(TWO, {"b"})]
    assert link.log == [("begin", f"said.{TWO}.b")]


async def test_an_application_that_could_not_be_heard_is_tried_again():
    link, _, intake = looking((ONE, "a"))
    link.failing[ONE] = Unavailable("away")
    await intake._look()
    link.failing.clear()

    await intake._look()

    assert link.log == [("begin", f"said.{ONE}.a")]


async def test_what_is_no_filter_is_not_listened_to():
    link, _, intake = looking((ONE, "*/x"), (ONE, "my topic/#"), (ONE, "b"))

    await intake._look()

    assert link.told == [(ONE, {"b"})]
    assert link.log == [("begin", f"said.{ONE}.b")]


async def test_an_application_that_is_gone_is_not_made_known_again_and_is_forgotten():
    link, workflows, intake = looking((ONE, "a"), (TWO, "b"))
    await intake._look()
    link.known.discard(ONE)
    workflows.waited = []
    link.told.clear()

    await intake._look()

    assert link.told == [(TWO, frozenset())]
    assert intake._hearing == {}


async def test_a_server_that_stops_hears_all_that_the_broker_has_sent():
    link, _, intake = looking((ONE, "a"), (TWO, "+/b"))
    await intake._look()
    link.log.clear()

    await intake.stop()
    await intake.stop()

    assert sorted(link.log) == [("finish", "+/b"), ("finish", f"said.{ONE}.a")]


async def test_where_messages_come_from_changes_without_a_gap():
    link, _, intake = looking((ONE, "a"))
    await intake._look()
    link.heard.clear()  # the broker refused the levels later

    await intake._look()

    assert link.log == [("begin", f"said.{ONE}.a"), ("begin", "a"), ("end", f"said.{ONE}.a")]


async def test_what_was_listened_to_is_kept_until_it_is_listened_to_elsewhere():
    link, _, intake = looking((ONE, "a"))
    await intake._look()
    link.heard.clear()
    link.failing[ONE] = Unavailable("away")

    await intake._look()

    assert ("end", f"said.{ONE}.a") not in link.log


async def test_what_is_waited_for_no_longer_is_ended_whatever_fails():
    link, workflows, intake = looking((ONE, "+/a"), (ONE, "+/b"))
    await intake._look()
    workflows.waited = []

    await intake._look()

    assert sorted(link.log[2:]) == [("end", "+/a"), ("end", "+/b")]
    assert intake._waited == {}


async def test_a_filter_is_listened_to_whole_or_not_at_all():
    link, _, intake = looking((ONE, "a/#"))
    link.platform.refused.add(f"said.{ONE}.a")

    await intake._look()

    assert link.log == [("begin", f"said.{ONE}.a.>"), ("end", f"said.{ONE}.a.>")]
    assert intake._waited == {}


async def test_filters_share_no_queue_and_servers_share_that_of_a_filter():
    (one, _, first), (other, _, second) = [
        looking((ONE, "a/+"), (ONE, "a/b"), (ONE, "+/b"), (TWO, "a/b")) for _ in range(2)
    ]

    await first._look()
    await second._look()

    queues = one.platform.queues
    assert queues == other.platform.queues
    assert len({queues[each] for each in (f"said.{ONE}.a.*", f"said.{ONE}.a.b", "+/b")}) == 3


async def test_a_filter_that_begins_with_a_wildcard_hears_nothing_of_the_fleets_own():
    link, workflows, intake = looking((ONE, "+/+/state"))
    await intake._look()

    for subject in ("losant.device.state", "a.b.state"):
        await link.takes["+/+/state"](SimpleNamespace(subject=subject, data=b"", headers=None))

    assert workflows.heard == [("+/+/state", "a/b/state")]


async def test_who_saved_a_workflow_is_let_go_once_it_is_listened_for_or_takes_too_long(
    monkeypatch,
):
    link, workflows, intake = looking()
    intake._looking.start(intake._look, 3600)
    await intake.listening()
    workflows.waited = [Waited(ONE, "a")]

    await intake.listening()

    assert link.log == [("begin", f"said.{ONE}.a")]
    monkeypatch.setattr("drover.mqtt.intake.LONGEST_LOOK_S", 0)
    workflows.waited_for = asyncio.Event().wait
    await intake.listening()
    await intake._looking.stop()
