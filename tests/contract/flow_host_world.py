"""A server as its running workflows see it: what they ask is asked here by tests."""

import msgspec

from drover.app.answering import FlowHost, Tools
from drover.faces.in_process import InProcess
from drover.kinds.flow import KIND as FLOW
from drover.ports.runner import FlowBatch
from drover.ports.web import WebFailure, WebResponse
from drover.store.session import SqlStore
from drover.system import RandomIds
from tests.support.catalog_server import CatalogServer, user

NOBODY = "0" * 24


class FakeWeb:
    def __init__(self):
        self.requests = []
        self.answer = WebResponse(
            status=200, headers={"x": "y"}, body=b'{"ok":1}', url="u", duration_ms=1.4
        )

    async def fetch(self, request):
        self.requests.append(request)
        if isinstance(self.answer, WebFailure):
            raise self.answer
        return self.answer


class World:
    """A server with one application and one workflow, asked by that workflow."""

    def __init__(self, database, calls=None):
        self.server = CatalogServer(database, calls=calls)
        self.store = SqlStore(database)
        self.web, self.woken = FakeWeb(), []
        self.store.fired = lambda: self.woken.append(1)
        tools = Tools(
            services=self.server.services,
            store=self.store,
            ids=RandomIds(),
            acks=self.server.heart.acks,
            web=self.web,
            api=InProcess(self.server.app, self.server.gate),
        )
        self.host = FlowHost(tools)

    async def prepare(self):
        kinds = self.server.catalog.kinds
        self.application = await self.make(kinds["application"], {"name": "App"}, "")
        self.flow = await self.make(
            FLOW,
            {
                "name": "Flow",
                "triggers": [
                    {
                        "type": "virtualButton",
                        "meta": {"uiId": "ui", "payload": '{"own": 1}'},
                        "outputIds": [],
                    },
                    {"type": "event", "key": "any", "config": {"new": True}},
                    {"type": "deviceCreate"},
                ],
            },
        )
        return self

    async def make(self, kind, body, application=None):
        application = self.application if application is None else application
        document = await self.server.catalog.create(
            user(), kind, application, msgspec.json.encode(body)
        )
        return msgspec.json.decode(document)["id"]

    async def ask(self, operation, *requests, depth=0):
        batch = FlowBatch(
            application_id=self.application,
            flow_id=self.flow,
            flow_tag="",
            flow=b"",
            trigger_index=0,
            depth=depth,
        )
        return await self.host.call(batch, operation, requests)

    async def result(self, operation, depth=0, **request):
        (answer,) = await self.ask(operation, request, depth=depth)
        assert "error" not in answer, answer
        return answer["result"]

    async def error(self, operation, depth=0, **request):
        (answer,) = await self.ask(operation, request, depth=depth)
        return answer["error"]["type"], answer["error"]["message"]

    async def firings(self, kind=None):
        async def work(session):
            found = await session.jobs.firings.lease(100, 2**50, 2**51)
            return [each.firing for each in found]

        found = await self.store.write(work)
        return [each for each in found if kind in (None, each.trigger_type)]
