"""E-mails that a gateway hands in to a webhook, on each database: which workflows they start."""

import msgspec
import pytest

from drover.app.incoming import Incoming
from drover.app.webhooks import Webhooks
from drover.kinds.webhook import KIND as WEBHOOK
from drover.model.errors import Invalid
from tests.contract.flow_host_world import World

LETTER = b"From: ada@e.com\r\nTo: a+pumps@e.com, b+fans@e.com\r\nSubject: It leaks\r\n\r\nPump 7."


@pytest.fixture
async def world(database):
    return await World(database).prepare()


async def post(world, body, kind="message/rfc822; charset=x"):
    hook = await world.make(WEBHOOK, {"name": "mail"})
    made = await world.store.read(lambda s: s.resources.get(WEBHOOK, world.application, hook))
    incoming = Incoming(method="POST", path="/", headers={"content-type": kind}, body=body)

    async def never():
        raise AssertionError("nobody waits")

    await world.server.services[Webhooks].call(made.token, "", incoming, never)


async def test_an_email_is_for_each_of_its_subaddresses_and_the_webhook_itself(world):
    await post(world, LETTER)

    letters = await world.firings("inboundEmail")
    assert sorted(each.key for each in letters) == ["fans", "pumps"]
    data, root = (msgspec.json.decode(each) for each in (letters[0].data, letters[0].root))
    assert (data["subject"], data["text"]) == ("It leaks", "Pump 7.")
    assert root == {"triggerId": letters[0].key, "relayId": "0" * 24, "relayType": "public"}


async def test_other_calls_are_no_email_and_what_cannot_be_read_is_refused(world):
    await post(world, LETTER, "text/plain")
    nested = b"".join(b"Content-Type: message/rfc822\n\n" for _ in range(5000))

    with pytest.raises(Invalid):
        await post(world, nested)

    assert [each.trigger_type for each in await world.firings()] == ["webhook"]
