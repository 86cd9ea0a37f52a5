"""A connection to an application's account at the broker, with one stream and its consumers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from nats.js.errors import NotFoundError

from tests.support.flushed import Flushed


class FedConnection(Flushed):
    """Notes what a feed asks of the broker and acknowledges; it hands out nothing by itself."""

    is_connected = True
    _ps = None

    def __init__(self):
        self.is_closed = False
        self.sent = asyncio.Queue()

    def jetstream(self):
        return self

    def new_inbox(self):
        return "_INBOX.one"

    async def subscribe(self, subject, queue="", cb=None):
        return SimpleNamespace(_id=7, subject=subject, unsubscribe=self.unsubscribe)

    async def unsubscribe(self):
        pass

    async def publish(self, subject, _question, reply):
        self.sent.put_nowait((subject, reply))

    async def _send_command(self, command):
        self.sent.put_nowait(command)

    async def close(self):
        self.is_closed = True


class Account(FedConnection):
    """Has consumers, as they are made and deleted."""

    def __init__(self):
        super().__init__()
        self.consumers = {}
        self.pending = 0
        self.unlearned = 0
        self.failing = None

    async def stream_info(self, _stream):
        """Tell of the stream as who leads it knows it: of a consumer after some looks."""
        self.unlearned -= 1
        known = len(self.consumers) if self.unlearned < 0 else 0
        return SimpleNamespace(state=SimpleNamespace(consumer_count=known))

    async def add_consumer(self, stream, config):
        if self.failing is not None:
            raise self.failing
        self.consumers[stream, config.durable_name] = config

    async def consumer_info(self, stream, name):
        if (stream, name) not in self.consumers:
            raise NotFoundError
        return SimpleNamespace(num_pending=self.pending)

    async def delete_consumer(self, stream, name):
        if self.consumers.pop((stream, name), None) is None:
            raise NotFoundError
