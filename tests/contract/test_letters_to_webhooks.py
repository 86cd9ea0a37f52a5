"""E-mails that a gateway hands in to a webhook, on each database: which workflows they start."""

import asyncio
import threading

import msgspec
import pytest

from drover.app import letters
from drover.app.incoming import Incoming
from drover.app.webhooks import LETTERS_AT_ONCE, Webhooks
from drover.kinds.flow import KIND as FLOW
from drover.kinds.webhook import KIND as WEBHOOK
from drover.model.errors import Invalid
from drover.store.session import SqlStore
from tests.contract.flow_host_world import World

LETTER = b"From: ada@e.com\r\nTo: a+pumps@e.com, b+fans@e.com\r\nSubject: It leaks\r\n\r\nPump 7."
KIND = "message/rfc822; charset=x"


@pytest.fixture
async def world(database):
    return await World(database).prepare()


@pytest.fixture
async def inbox(world):
    trigger = {"type": "inboundEmail", "key": "default", "config": {}, "outputIds": []}
    await world.make(FLOW, {"name": "inbox", "triggers": [trigger]})
    return world


async def made(world, more):
    hook = await world.make(WEBHOOK, {"name": "mail", **more})
    return await world.store.read(lambda s: s.resources.get(WEBHOOK, world.application, hook))


async def call(world, hook, body, kind=KIND):
    incoming = Incoming(method="POST", path="/", headers={"content-type": kind}, body=body)

    async def never():
        raise AssertionError("nobody waits")

    await world.server.services[Webhooks].call(hook.token, "", incoming, never)


async def post(world, body, kind=KIND):
    await call(world, await made(world, {}), body, kind)


async def test_an_email_is_for_each_of_its_subaddresses_and_the_webhook_itself(inbox):
    await post(inbox, LETTER)

    letters = await inbox.firings("inboundEmail")
    assert sorted(each.key for each in letters) == ["fans", "pumps"]
    data, root = (msgspec.json.decode(each) for each in (letters[0].data, letters[0].root))
    assert (data["subject"], data["text"]) == ("It leaks", "Pump 7.")
    assert root == {"triggerId": letters[0].key, "relayId": "0" * 24, "relayType": "public"}


async def test_other_calls_are_no_email_and_what_cannot_be_read_is_refused(inbox):
    await post(inbox, LETTER, "text/plain")
    nested = b"".join(b"Content-Type: message/rfc822\n\n" for _ in range(5000))

    with pytest.raises(Invalid):
        await post(inbox, nested)

    assert [each.trigger_type for each in await inbox.firings()] == ["webhook"]


async def test_where_no_workflow_waits_for_emails_none_is_taken_apart(world, monkeypatch):
    monkeypatch.setattr(letters, "letter_in", None)

    await post(world, LETTER)

    assert [each.trigger_type for each in await world.firings()] == ["webhook"]


class RefusedError(Exception):
    """What a store says that takes one write and no more."""


@pytest.mark.parametrize("waits", [False, True])
async def test_what_an_email_starts_is_stored_in_one_write(inbox, monkeypatch, waits):
    hook = await made(inbox, {"waitForReply": waits})
    trigger = {"type": "webhook", "key": hook.id, "config": {}, "outputIds": []}
    await inbox.make(FLOW, {"name": "hook", "triggers": [trigger]})
    write = SqlStore.write

    async def refusing(self, work):
        await write(self, work)
        raise RefusedError

    with monkeypatch.context() as patch:
        patch.setattr(SqlStore, "write", refusing)
        with pytest.raises(RefusedError):
            await call(inbox, hook, LETTER)

    kinds = sorted((each.trigger_type, each.key) for each in await inbox.firings())
    assert kinds == [("inboundEmail", "fans"), ("inboundEmail", "pumps"), ("webhook", hook.id)]


async def test_few_emails_are_taken_apart_at_a_time(inbox, monkeypatch):
    hook = await made(inbox, {})
    running, most, go = [], [], threading.Event()

    def blocked(_body):
        running.append(1)
        most.append(len(running))
        go.wait()
        running.pop()
        return {}, ["default"]

    monkeypatch.setattr(letters, "letter_in", blocked)
    calls = [asyncio.create_task(call(inbox, hook, LETTER)) for _ in range(6)]
    while len(running) < LETTERS_AT_ONCE:
        await asyncio.sleep(0.01)
    for _ in range(5):
        await call(inbox, hook, LETTER, "text/plain")
    go.set()
    await asyncio.gather(*calls)

    assert len(most) == 6
    assert max(most) == LETTERS_AT_ONCE
