"""A server that is started beside brokers that do not know yet who leads waits for them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import NotFoundError, ServiceUnavailableError
from structlog.testing import capture_logs

from drover.mqtt import state_feed as module
from drover.mqtt.state_feed import TOLD_S, StateFeed


class Brokers:
    """Brokers that elect for so many questions; each takes some seconds of the loop's clock."""

    def __init__(self, answers, passed):
        self.answers = answers
        self.passed = passed

    async def client(self, _account):
        return SimpleNamespace(jetstream=lambda: self)

    async def have(self, _client, _wanted):
        self.passed[0] += TOLD_S / 2
        if self.answers:
            raise self.answers.pop(0)
        return SimpleNamespace(config=SimpleNamespace(num_replicas=3))

    async def delete_consumer(self, *_given):
        raise NotFoundError

    async def add_consumer(self, *_given):
        """Have a consumer."""


async def test_a_start_waits_as_long_as_brokers_elect_and_says_what_for(monkeypatch):
    monkeypatch.setattr(module, "LATE_S", 0)
    loop, passed = asyncio.get_running_loop(), [0.0]
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + passed[0])
    elect = ServiceUnavailableError(code=503, err_code=10008, description="unavailable")
    brokers = Brokers([NatsTimeoutError(), *[elect] * 29], passed)
    intake = SimpleNamespace(has_room=True)
    feed = StateFeed(brokers, intake, brokers, 1000, lambda _application_id: None)

    with capture_logs() as lines:
        in_cluster = await feed.prepare()

    assert in_cluster
    assert {each["event"] for each in lines} == {"mqtt.electing"}
    assert "all of them are needed" in lines[0]["reason"]
    assert len(lines) == 15
