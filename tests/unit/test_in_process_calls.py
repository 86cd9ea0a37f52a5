"""Operations called from within the server, whatever they answer."""

import pytest

from drover.faces.http import HttpApp
from drover.faces.in_process import MOST_BYTES, InProcess
from drover.faces.operation import Answer, Face, Operation
from drover.faces.refusals import refuse
from drover.model.access import AddressFilter, Caller
from drover.model.errors import Conflict, Missing

ME = Caller(type="flow", id="1" * 24, scopes=frozenset({"all.Application"}))


class Open:
    async def identify(self, _headers):
        return ME

    async def admit(self, _caller, _application_id, _scopes):
        return None


class Stream:
    closed = False

    def __aiter__(self):
        return self

    async def aclose(self):
        self.closed = True


async def called(answer, gate=None, **more):
    async def run(_call):
        if isinstance(answer, Exception):
            raise answer
        return answer

    operation = Operation(
        method="GET",
        path="/things",
        scopes=frozenset({"all.Application"}),
        run=run,
        name="things.get",
        summary="List things",
    )
    app = HttpApp([(Face(name="f", prefix="/", refuse=refuse), operation)], Open())
    params = {"applicationId": "x", "a": None}
    return await InProcess(app, gate or Open()).call(ME, "things.get", params, **more)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"a": 1}, {"result": {"a": 1}}),
        (b"[1]", {"result": [1]}),
        (Answer(b"[2]"), {"result": [2]}),
        (Answer(b""), {"result": None}),
        (Answer(b"a,b", media_type="text/csv"), {"result": "a,b"}),
    ],
)
async def test_an_answer_becomes_a_value(answer, told):
    assert await called(answer) == told


@pytest.mark.parametrize(
    ("answer", "kind", "status"),
    [
        (Missing("none"), "NotFound", 404),
        (Answer(b"{}", 409, error=Conflict("no")), "Conflict", 409),
        (Answer(b"{}", 502), "InternalError", 502),
        (b'"' + b"x" * MOST_BYTES + b'"', "PayloadTooLarge", 413),
        (ZeroDivisionError(), "InternalError", 500),
    ],
)
async def test_a_refusal_tells_its_type_and_status(answer, kind, status):
    told = (await called(answer))["error"]

    assert (told["type"], told["statusCode"]) == (kind, status)


async def test_a_stream_is_closed_and_refused():
    stream = Stream()

    told = await called(Answer(stream, media_type="text/event-stream"))

    assert told["error"]["type"] == "NotImplemented"
    assert stream.closed


class OpenFromTheField(Open):
    async def identify(self, _headers):
        field = AddressFilter(listed="whitelist", addresses=("0.0.0.0/0",))
        return Caller(type="device", id="2" * 24, scopes=ME.scopes, address_filter=field)


async def test_a_token_that_is_bound_to_addresses_does_not_count_in_a_workflow():
    told = await called({"a": 1}, OpenFromTheField(), token="t")

    assert told["error"]["type"] == "Unauthorized"
