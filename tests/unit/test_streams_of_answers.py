"""Answers without an end of their own end when their reader may not read on."""

from __future__ import annotations

import asyncio

import pytest

from drover.faces import streaming
from drover.faces.http import HttpApp
from drover.faces.operation import Answer, Face, Operation
from drover.faces.refusals import refuse
from drover.model.access import Caller
from drover.model.errors import Forbidden, Missing, Unauthorized, Unavailable

APPLICATION = "a" * 24


class Doorman:
    """Lets everybody in, once as often as is said, then fails so."""

    def __init__(self) -> None:
        self.fails: dict[str, list[Exception]] = {}
        self.seen: list[str] = []

    def _let(self, where: str) -> None:
        self.seen.append(where)
        if self.fails.get(where) and self.seen.count(where) > 1:
            raise self.fails[where].pop(0)

    async def identify(self, _headers) -> Caller:
        self._let("identify")
        return Caller(type="user", id="c" * 24, scopes=frozenset({"thing.get"}))

    async def admit(self, _caller, application_id, scopes) -> None:
        assert (application_id, scopes) == (APPLICATION, {"thing.get"})
        self._let("admit")

    async def still(self) -> None:
        self._let("still")


@pytest.fixture
def doorman(monkeypatch):
    monkeypatch.setattr(streaming, "LOOK_S", 0)
    return Doorman()


async def read(doorman) -> bytes:
    """Read an endless answer until it ends."""
    closed = asyncio.Event()

    async def forever():
        try:
            yield b"begun"
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def run(_call):
        doorman.seen.append("still")
        return Answer(forever(), media_type="text/event-stream", still=doorman.still)

    operation = Operation(
        method="GET",
        path="/applications/{applicationId}/things",
        scopes=frozenset({"thing.get"}),
        run=run,
        name="thing.get",
        summary="",
    )
    app = HttpApp([(Face(name="test", prefix="/", refuse=refuse), operation)], doorman)
    sent = []

    async def send(message):
        sent.append(message)

    path = f"/applications/{APPLICATION}/things"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, asyncio.Event().wait, send)
    assert closed.is_set()
    assert not sent[-1].get("more_body", False)
    return b"".join(each.get("body", b"") for each in sent[1:])


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("identify", Unauthorized("the token is revoked")),
        ("admit", Forbidden("the role is taken away")),
        ("admit", Missing("the application is gone")),
        ("still", Missing("the device is gone")),
    ],
)
async def test_a_stream_ends_when_its_reader_may_see_no_more(doorman, where, error):
    doorman.fails = {where: [error]}

    assert await read(doorman) == b"begun"


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a fault"), TimeoutError()])
async def test_a_stream_goes_on_while_nobody_can_say_whether_it_may(doorman, error):
    doorman.fails = {"identify": [error, error, Unauthorized("no")]}

    assert await read(doorman) == b"begun"
    assert doorman.seen.count("identify") == 4
