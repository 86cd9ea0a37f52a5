"""The HTTP edge: who may come in, what is refused and how, what is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from drover.faces.declared import settled
from drover.faces.http import HttpApp, Limits, bearer
from drover.faces.operation import Answer, Call, Face, Operation
from drover.faces.refusals import refuse
from drover.faces.routes import BadOperation, Routes
from drover.model.access import Caller
from drover.model.errors import (
    Conflict,
    DroverError,
    Duplicate,
    Flaw,
    Forbidden,
    Full,
    Invalid,
    Missing,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
)
from drover.ports.failures import StoreFull

FACE = Face(name="test", prefix="/", refuse=refuse)
SCOPES = frozenset({"thing.get"})
APPLICATION = "a" * 24


class Doorman:
    """Lets one token in."""

    async def identify(self, headers) -> Caller:
        if bearer(headers) != "good":
            raise Unauthorized("Invalid access token")
        return Caller(type="user", id="c" * 24, scopes=frozenset({"thing.get"}))

    async def admit(self, caller, application_id, scopes) -> None:
        if application_id not in (None, APPLICATION):
            raise Missing("Application was not found")
        if not caller.holds(scopes):
            raise Forbidden("The token lacks a scope")


async def echo(call: Call) -> dict[str, Any]:
    return {"path": dict(call.path), "query": dict(call.query), "body": call.body.decode()}


def operation(method="GET", path="/things", run=echo, **more) -> Operation:
    given = {"scopes": SCOPES, "name": f"{method} {path}", "summary": "", **more}
    return Operation(method=method, path=path, run=run, **given)


def app_of(*operations, face=FACE, **more) -> HttpApp:
    return HttpApp([(face, each) for each in operations], Doorman(), **more)


class Reply:
    """An answer as the client sees it."""

    def __init__(self, messages) -> None:
        self.status = messages[0]["status"]
        self.headers = {k.decode(): v.decode() for k, v in messages[0]["headers"]}
        self.body = b"".join(each.get("body", b"") for each in messages[1:])

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def ask(
    app, path="/things", method="GET", query=b"", body=(b"",), headers=None, **more
) -> Reply:
    sent: list[Any] = []
    parts = [{"type": "http.request", "body": p, "more_body": True} for p in body]
    parts[-1]["more_body"] = False
    parts.append({"type": "http.disconnect"})
    given = {"authorization": "Bearer good", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        "client": ("10.0.0.1", 5),
        **more,
    }

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return Reply(sent)


async def test_an_answer_is_json_with_its_status_and_a_request_id():
    reply = await ask(app_of(operation(status=201)), query=b"a=1")

    assert (reply.status, reply.json["query"]) == (201, {"a": "1"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"]


@pytest.mark.parametrize("given", ["abc-123", "a" * 65, "a b", "\r\nx"])
async def test_a_request_id_is_taken_over_where_it_is_plain(given):
    reply = await ask(app_of(operation()), headers={"x-request-id": given})

    assert (reply.headers["x-request-id"] == given) is (given == "abc-123")


async def test_a_body_that_does_not_come_is_408_and_the_line_is_closed():
    app = app_of(operation("POST"), limits=Limits(body_seconds=0.01))
    sent = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/things", "query_string": b""}
    await app({**scope, "headers": [(b"authorization", b"Bearer good")]}, receive, send)

    reply = Reply(sent)
    assert (reply.status, reply.json["type"]) == (408, "RequestTimeout")
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
async def test_an_escaped_slash_is_part_of_a_name_and_does_not_divide(slash):
    app = app_of(operation(path="/things"), operation(path="/things/{name}", name="one"))

    raw = f"/things/{slash}a%20b"
    reply = await ask(app, path="/things//a b", raw_path=raw.encode())

    assert reply.json["path"] == {"name": "%2Fa b"}


async def test_ids_of_the_path_are_checked_and_given_in_lower_case():
    app = app_of(operation(path="/applications/{applicationId}/things/{thingId}"))

    reply = await ask(app, f"//applications/{APPLICATION.upper()}/things/{'B' * 24}/")
    bad = await ask(app, f"/applications/{APPLICATION}/things/b")

    assert reply.json["path"] == {"applicationId": APPLICATION, "thingId": "b" * 24}
    assert (bad.status, "thingId" in bad.json["message"]) == (400, True)


async def test_ids_declared_opaque_are_passed_on():
    app = app_of(operation(path="/things/{thingId}", opaque_ids=frozenset({"thingId"})))

    assert (await ask(app, "/things/X1")).json["path"] == {"thingId": "X1"}


async def test_a_literal_part_wins_over_a_variable_one():
    app = app_of(operation(path="/things/{thingId}"), operation(path="/things/all"))

    assert (await ask(app, "/things/all")).json["path"] == {}


async def test_unknown_paths_and_methods_are_told_apart():
    app = app_of(operation(), operation("POST"))

    unknown = await ask(app, "/nothing")
    root = await ask(app, "/")
    wrong = await ask(app, method="DELETE")

    assert (unknown.status, unknown.json["type"], root.status) == (404, "NotFound", 404)
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_the_token_is_looked_at_before_the_application_and_that_before_the_scope():
    app = app_of(
        operation(path="/applications/{applicationId}/things", scopes=frozenset({"thing.post"}))
    )
    nobody = {"authorization": "Bearer bad"}

    strange = await ask(app, f"/applications/{'b' * 24}/things")
    assert strange.status == 404
    assert (await ask(app, f"/applications/{APPLICATION}/things")).status == 403
    for headers in (nobody, {"authorization": "Basic good"}, {"authorization": "Bearer"}):
        refused = await ask(app, f"/applications/{'b' * 24}/things", headers=headers)
        assert refused.json == {"type": "Unauthorized", "message": "Invalid access token"}
        assert refused.status == 401


async def test_an_operation_without_token_needs_none():
    app = app_of(operation(scopes=None))

    assert (await ask(app, headers={"authorization": ""})).status == 200


async def test_the_cookies_of_a_face_are_given_to_none_of_another():
    given: dict[str, str] = {}

    def noting(name):
        async def run(call: Call) -> dict[str, Any]:
            given[name] = call.headers["cookie"]
            return {}

        return operation(path=f"/{name}", run=run)

    own = Face(name="own", prefix="/own", refuse=refuse, cookies=frozenset({"session"}))
    app = HttpApp([(own, noting("own")), (FACE, noting("other"))], Doorman())
    cookies = {"cookie": "a=1; session=secret; sessions=2;session=again; b=3"}

    for path in ("/own", "/other"):
        await ask(app, path, headers=cookies)

    assert given == {"own": cookies["cookie"], "other": "a=1; sessions=2; b=3"}


async def test_a_face_may_know_its_callers_otherwise():
    async def identify(headers, query):
        return Caller(type="user", id=query["key"], scopes=SCOPES)

    async def who(call: Call) -> str:
        return call.caller.id

    face = Face(name="other", prefix="/", refuse=refuse, identify=identify)
    app = app_of(operation(run=who), face=face)

    assert (await ask(app, query=b"key=k")).json == "k"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_bodies_are_joined_and_cut_off_at_their_limit(method):
    app = app_of(operation(method), limits=Limits(body_bytes=10))

    fits = await ask(app, method=method, body=(b"12345", b"67890"))
    grown = await ask(app, method=method, body=(b"12345", b"678901", b"x" * 1000))
    told = await ask(app, method=method, headers={"content-length": "11"})

    assert fits.json["body"] == "1234567890"
    assert [grown.status, told.status] == [413, 413]
    assert grown.json["type"] == "PayloadTooLarge"


async def test_an_operation_may_have_a_limit_of_its_own():
    app = app_of(operation("POST", max_body_bytes=20), limits=Limits(body_bytes=10))

    assert (await ask(app, method="POST", body=(b"x" * 20,))).status == 200


async def test_head_is_get_without_its_body():
    reply = await ask(app_of(operation()), method="HEAD")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Invalid("x"), 400, "Validation"),
        (Duplicate("x"), 400, "AlreadyExists"),
        (Conflict("x"), 400, "Conflict"),
        (Unauthorized("x"), 401, "Unauthorized"),
        (Forbidden("x"), 403, "Forbidden"),
        (Missing("x"), 404, "NotFound"),
        (TooLarge("x"), 413, "PayloadTooLarge"),
        (TooMany("x", retry_after_s=7), 429, "TooManyRequests"),
        (Unavailable("x"), 503, "Unavailable"),
        (Full("x"), 507, "InsufficientStorage"),
        (DroverError("x"), 500, "Error"),
    ],
)
async def test_each_error_has_its_status(error, status, kind):
    async def fail(_call):
        raise error

    reply = await ask(app_of(operation(run=fail)))

    assert (reply.status, reply.json) == (status, {"type": kind, "message": "x"})
    retries = {429: "7", 503: "1"}.get(status)
    assert reply.headers.get("retry-after") == retries


async def test_several_flaws_are_listed_with_the_status_declared():
    async def fail(_call):
        raise Invalid("x", flaws=(Flaw("/a", "bad"),))

    reply = await ask(app_of(operation(run=fail, flawed_status=422)))

    assert reply.status == 422
    assert reply.json["validationErrors"] == [
        {"type": "Validation", "id": "/a", "name": "/a", "message": "bad"}
    ]


async def test_an_unexpected_failure_tells_the_request_and_nothing_of_its_cause(capsys):
    async def fail(_call):
        raise ZeroDivisionError("secret detail")

    reply = await ask(app_of(operation(run=fail)), headers={"x-request-id": "r1"})

    assert (reply.status, reply.json["type"]) == (500, "InternalError")
    assert "r1" in reply.json["message"]
    assert b"secret" not in reply.body


async def test_more_requests_than_the_server_takes_are_sent_away():
    gate = asyncio.Event()

    async def wait(_call):
        await gate.wait()
        return {}

    app = app_of(operation(run=wait), limits=Limits(requests=1))
    first = asyncio.create_task(ask(app))
    await asyncio.sleep(0)

    second = await ask(app)
    gate.set()

    assert (second.status, (await first).status) == (503, 200)
    assert (await ask(app)).status == 200


async def test_an_answer_may_be_bytes_or_its_own():
    async def raw(_call):
        return b'{"a":1}'

    async def own(_call):
        return Answer(b"a,b", 202, {"X-Thing": "1"}, "text/csv")

    app = app_of(operation(run=raw), operation("POST", run=own))

    assert (await ask(app)).json == {"a": 1}
    reply = await ask(app, method="POST")
    assert (reply.status, reply.headers["x-thing"], reply.body) == (202, "1", b"a,b")
    assert reply.headers["content-type"] == "text/csv"


async def test_an_answer_may_be_streamed():
    async def parts():
        for part in (b"a", b"b"):
            yield part

    async def run(_call):
        return Answer(parts(), media_type="text/plain")

    app = app_of(operation(run=run))
    sent: list[Any] = []

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", b"Bearer good")]
    scope = {"type": "http", "method": "GET", "path": "/things", "query_string": b""}
    await app({**scope, "headers": headers}, receive, send)

    assert Reply(sent).body == b"ab"
    assert not sent[-1].get("more_body", False)


async def test_a_stream_ends_when_its_client_goes_away():
    closed = asyncio.Event()

    async def forever():
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.set()

    async def run(_call):
        return Answer(forever())

    reply = await ask(app_of(operation(run=run)))

    assert reply.status == 200
    assert closed.is_set()


async def test_requests_are_counted_by_operation_and_status():
    app = app_of(operation(name="things.get"))
    await ask(app)
    await ask(app, "/nothing")

    text = app.metrics.text().decode()

    assert 'drover_http_requests_total{operation="things.get",status="200"} 1.0' in text
    assert 'drover_http_requests_total{operation="unknown",status="404"} 1.0' in text


async def test_a_server_that_is_busy_and_a_store_that_is_full_are_counted_as_refusals():
    async def run(_call):
        raise StoreFull("no room left")

    busy = app_of(operation(), limits=Limits(requests=0))
    full = app_of(operation(run=run))

    statuses = [(await ask(app)).status for app in (busy, full)]

    assert statuses == [503, 507]
    assert 'drover_refusals_total{limit="max_requests"} 1.0' in busy.metrics.text().decode()
    assert 'drover_refusals_total{limit="InsufficientStorage"} 1.0' in full.metrics.text().decode()


async def test_paths_below_a_mount_are_left_to_it():
    seen = []

    async def mounted(scope, receive, send):
        seen.append(scope["path"])

    app = app_of(operation(), mounts={"/console": mounted})
    for path in ("/console", "/console/x"):
        await app({"type": "http", "path": path}, None, None)

    assert seen == ["/console", "/console/x"]
    assert (await ask(app, "/consoles")).status == 404


async def test_the_server_life_is_answered():
    sent = []
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    await app_of()({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_an_operation_without_scopes_does_not_start():
    with pytest.raises(BadOperation):
        app_of(operation(scopes=frozenset()))


def test_two_operations_of_one_method_and_path_do_not_start():
    with pytest.raises(BadOperation):
        Routes([(FACE, operation()), (FACE, operation())])


def test_an_operation_gives_way_to_another_of_its_path():
    usual, own = operation(gives_way=True), operation(name="own")
    alone = operation("POST", gives_way=True)

    kept = settled([(FACE, usual), (FACE, own), (FACE, alone)])

    assert [each.name for _, each in kept] == ["own", "POST /things"]


def call_of(**query) -> Call:
    caller = Caller(type="user", id="c" * 24, scopes=SCOPES)
    return Call(caller, {}, query, b'{"a":1}', {})


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1"])
def test_yes_is_read_in_all_its_spellings(text):
    assert call_of(x=text).flag("x") is True


@pytest.mark.parametrize("text", ["false", "False", "0", ""])
def test_no_is_read_in_all_its_spellings(text):
    assert call_of(x=text).flag("x", default=True) is False


def test_parameters_that_do_not_fit_are_refused_by_name():
    call = call_of(flag="maybe", number="x", big="9" * 30, low="-1", word="odd")
    for read in (
        lambda: call.flag("flag"),
        lambda: call.whole("number", 1),
        lambda: call.whole("big", 1),
        lambda: call.whole("low", 1),
        lambda: call.whole("low", 1, most=5),
        lambda: call.choice("word", ("a", "b"), "a"),
        lambda: call.text("missing"),
    ):
        with pytest.raises(Invalid) as refused:
            read()
        assert refused.value.field


def test_parameters_have_defaults():
    call = call_of(empty="", word="a", number="3")

    assert call.flag("absent", default=True) is True
    assert (call.whole("absent", 5), call.whole("empty", 5), call.whole("number", 5)) == (5, 5, 3)
    assert (call.choice("absent", ("a",), "b"), call.choice("word", ("a",), "b")) == ("b", "a")
    assert (call.text("word"), call.nested("word")) == ("a", "a")
    assert call.json(dict) == {"a": 1}
