"""The HTTP edge of every dialect: find the operation, let the caller in, run it, answer.

An ASGI application of its own, because what lies between the socket and a use case is paid on
every request: one walk to the operation, one look at the caller, one encoding.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

import msgspec
import structlog

from drover import tracing
from drover.faces.exchange import Exchange
from drover.faces.metrics import RequestMetrics
from drover.faces.operation import Answer, Call, Destination, Operation
from drover.faces.parameters import parse
from drover.faces.refusals import TooSlow, Unexpected, WrongMethod, refuse, status_of
from drover.faces.routes import Route, Routes
from drover.faces.streaming import left, stream
from drover.model.access import Caller, called_from
from drover.model.errors import DroverError, Missing, TooLarge, Unauthorized, Unavailable, reached

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        MutableMapping,
    )

    from drover.faces.operation import Face

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOG = structlog.get_logger("drover.http")
_NOBODY: Final = Caller(type="system", id="0" * 24, scopes=frozenset())
_READING: Final = frozenset({"GET", "HEAD"})
_LONGEST_ID: Final = 64
_HEAD: Final = "HEAD"
_SLASH: Final = re.compile("%2[fF]")


class Gate(Protocol):
    """Who may come in."""

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Return the holder of the token in the headers; raises Unauthorized."""
        ...

    async def admit(
        self, caller: Caller, application_id: str | None, scopes: frozenset[str]
    ) -> None:
        """Raise Missing where the caller may not see the application, Forbidden without a scope."""
        ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server accepts of requests.

    A body has to come within ``body_seconds``, one of an operation that takes larger ones within
    as many times that.
    """

    body_bytes: int = 5_242_880
    body_seconds: float = 30.0
    requests: int = 1000


@dataclass(slots=True)
class _Request:
    """One request on its way through."""

    method: str
    path: str
    headers: dict[str, str]
    id: str
    address: str
    receive: Receive
    query: bytes
    exchange: Exchange | None = None
    """The listener's own, of which more is known than ASGI tells."""
    route: Route | None = None
    started: float = field(default_factory=time.perf_counter)


class HttpApp:
    """The ASGI application of all operations.

    ``mounts`` are other applications by the prefix of their paths; ``open`` and ``close`` run with
    the server.
    """

    def __init__(
        self,
        operations: Iterable[tuple[Face, Operation]],
        gate: Gate,
        *,
        limits: Limits | None = None,
        mounts: Mapping[str, Asgi] | None = None,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.routes = Routes(operations)
        self.metrics = RequestMetrics()
        self._cookies = frozenset[str]().union(*(each.face.cookies for each in self.routes.all))
        self._gate = gate
        self._limits = limits or Limits()
        self._mounts = dict(mounts or {})
        self._new_id = new_id or _counting_ids()
        self._running = 0
        self.site_at: Callable[[str], Awaitable[str]] | None = None
        """Returns where paths begin that are asked for at a host; empty for the server itself."""
        self.metrics.show("http_requests_running", "Requests being served.", lambda: self._running)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI event."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif mounted := self._mounted(scope):
            await mounted(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    def _mounted(self, scope: Scope) -> Asgi | None:
        path = scope["path"]
        for prefix, application in self._mounts.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return application
        return None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        client, exchange = scope.get("client"), getattr(receive, "__self__", None)
        given = headers.get("x-request-id", "")
        request = _Request(
            method=scope["method"],
            path=_path(scope),
            headers=headers,
            id=given if _is_plain(given) else self._new_id(),
            address=client[0] if client else "",
            receive=receive,
            query=scope["query_string"],
            exchange=exchange if isinstance(exchange, Exchange) else None,
        )
        self._running += 1
        try:
            with tracing.request(request.method, headers) as span:
                answer = await self._answer(request)
                if tracing.heard():
                    _tell(span, request, answer)
            await _respond(request, answer, send)
        finally:
            self._running -= 1
        self._note(request, answer)

    async def _answer(self, request: _Request) -> Answer:
        try:
            return await self._run(request)
        except DroverError as error:
            return self._refuse(request, error)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the last line of defence: logged with its trace, answered
            _LOG.exception("request failed", request=request.id, path=request.path)
            return self._refuse(request, Unexpected(f"Something failed here; request {request.id}"))

    async def _run(self, request: _Request) -> Answer:
        if self._running > self._limits.requests:
            raise reached("max_requests", Unavailable("The server is busy; try again"))
        route, values = await self._routed(request)
        operation = route.operation
        query = parse(request.query)
        caller = await self._identified(route, request, query)
        path = route.parameters(values)
        if operation.scopes is not None:
            await self._gate.admit(caller, path.get("applicationId"), operation.scopes)
        body = b"" if request.method in _READING else await self._body(request, operation)
        call = Call(
            caller,
            path,
            query,
            body,
            request.headers,
            request.address,
            request.method,
            request.query,
            partial(left, request.receive),
        )
        result = await operation.run(call)
        if isinstance(result, Answer):
            if result.error is not None:
                self.metrics.note_refusal(result.error)
            return result if result.still is None else self._seen_again(result, request, call)
        return Answer(
            result if isinstance(result, bytes) else msgspec.json.encode(result), operation.status
        )

    def _seen_again(self, answer: Answer, request: _Request, call: Call) -> Answer:
        """Return an endless answer with what finds out whether its reader may still read it."""
        route, still = request.route, answer.still

        async def look() -> None:
            if route is None or still is None or route.operation.scopes is None:
                return
            caller = await self._identified(route, request, call.query)
            application_id = call.path.get("applicationId")
            await self._gate.admit(caller, application_id, route.operation.scopes)
            await still()

        return msgspec.structs.replace(answer, still=look)

    async def _routed(self, request: _Request) -> tuple[Route, list[str]]:
        """Return the route of a request and the values in its path; leave out others' cookies."""
        if self.site_at is not None:
            site = await self.site_at(request.headers.get("host", ""))
            request.path = _within(site, request.path)
        methods, values = self.routes.find(request.path)
        if not methods:
            raise Missing("There is nothing at this path")
        wanted = "GET" if request.method == _HEAD else request.method
        route = methods.get(wanted)
        if route is None:
            allowed = sorted({*methods, *(("HEAD",) if "GET" in methods else ())})
            raise WrongMethod(", ".join(allowed))
        request.route = route
        if "cookie" in request.headers:
            _leave_out(request.headers, self._cookies - route.face.cookies)
        return route, values

    async def _identified(
        self, route: Route, request: _Request, query: Mapping[str, str]
    ) -> Caller:
        if route.operation.scopes is None:
            return _NOBODY
        if route.face.identify is not None:
            return await route.face.identify(request.headers, query)
        return called_from(request.address, await self._gate.identify(request.headers))

    async def _body(self, request: _Request, operation: Operation) -> bytes:
        most = operation.max_body_bytes or self._limits.body_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise reached("max_body_bytes", TooLarge(f"The body may have {most} bytes"))
        # Most have come by now: no message is waited for, and no clock needs to be set.
        whole = None if request.exchange is None else request.exchange.whole_body(most)
        if whole is not None:
            return whole
        seconds = self._limits.body_seconds * max(1.0, most / self._limits.body_bytes)
        try:
            async with asyncio.timeout(seconds):
                return await _received(request, most)
        except TimeoutError as error:
            late = TooSlow(f"The body did not come within {seconds:g} seconds")
            raise reached("body_seconds", late) from error

    def _refuse(self, request: _Request, error: DroverError) -> Answer:
        flawed = request.route.operation.flawed_status if request.route else 400
        status = status_of(error, flawed)
        self.metrics.note_refusal(error)
        face = request.route.face if request.route else self._face_at(request.path)
        if face is None:
            return refuse(error, status)
        if face.refuse_at is None:
            return face.refuse(error, status)
        at = Destination(
            method=request.method,
            path=request.path,
            query=request.query.decode("latin-1"),
            headers=request.headers,
        )
        return face.refuse_at(error, status, at)

    def _face_at(self, path: str) -> Face | None:
        faces = {route.face.prefix: route.face for route in self.routes.all}
        fitting = [prefix for prefix in faces if path.startswith(prefix)]
        return faces[max(fitting, key=len)] if fitting else None

    def _note(self, request: _Request, answer: Answer) -> None:
        seconds = time.perf_counter() - request.started
        name = request.route.operation.name if request.route else "unknown"
        self.metrics.note(name, answer.status, seconds)
        # Reads that went well are the bulk of the traffic and tell nothing: debug level.
        quiet = request.method in _READING and answer.status < 400  # noqa: PLR2004 - HTTP errors
        log = _LOG.debug if quiet else _LOG.info
        log(
            "request",
            request=request.id,
            method=request.method,
            path=request.path,
            operation=name,
            status=answer.status,
            ms=round(seconds * 1000, 2),
            address=request.address,
        )


def _tell(span: tracing.Span, request: _Request, answer: Answer) -> None:
    """Tell a span what was asked and answered; paths may hold what only the caller should see."""
    route = request.route.operation.path if request.route else ""
    span.update_name(f"{request.method} {route}".rstrip())
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", answer.status)
    span.set_attribute("drover.request.id", request.id)


def _path(scope: Scope) -> str:
    """Return the path; a slash that the client escaped is part of a name and stays escaped."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw or b"%2f" not in raw.lower():
        path: str = scope["path"]
        return path
    return unquote(_SLASH.sub("%252F", raw.decode("latin-1")))


def _leave_out(headers: dict[str, str], cookies: frozenset[str]) -> None:
    """Take the cookies of these names out of what a request brings."""
    parts = headers["cookie"].split(";")
    kept = [part for part in parts if part.partition("=")[0].strip() not in cookies]
    if len(kept) < len(parts):
        headers["cookie"] = ";".join(kept).strip()


def _within(site: str, path: str) -> str:
    """Return a path within those of a site; what leads there already stays as it is."""
    leads_there = not site or path == site or path.startswith(f"{site}/")
    return path if leads_there else f"{site}/{path.lstrip('/')}"


async def _received(request: _Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("The client went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise reached("max_body_bytes", TooLarge(f"The body may have {most} bytes"))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _respond(request: _Request, answer: Answer, send: Send) -> None:
    try:
        await _send(request, answer, send)
    finally:  # a body holds what it streams from, also where nobody asks for it after all
        if close := getattr(answer.body, "aclose", None):
            await close()


async def _send(request: _Request, answer: Answer, send: Send) -> None:
    body: Any = answer.body
    streamed = not isinstance(body, bytes)
    headers = [
        (b"content-type", answer.media_type.encode("latin-1")),
        (b"x-request-id", request.id.encode("latin-1")),
        *((k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.items()),
        *((b"set-cookie", text.encode("latin-1")) for text in answer.cookies),
    ]
    if not streamed:
        headers.append((b"content-length", b"%d" % len(body)))
    told = b"" if request.method == _HEAD else body
    if request.exchange is not None and not streamed:
        await request.exchange.answer(answer.status, headers, told)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if streamed and request.method != _HEAD:
        await stream(body, request.receive, send, answer.still)
        return
    await send({"type": "http.response.body", "body": told})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def bearer(headers: Mapping[str, str]) -> str:
    """Return the bearer token of the headers; raises Unauthorized."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Invalid access token")
    return token.strip()


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_ID and text.isascii() and text.replace("-", "").isalnum()


def _counting_ids() -> Callable[[], str]:
    start = time.time_ns()
    count = 0

    def new() -> str:
        nonlocal count
        count += 1
        return f"{start:x}-{count:x}"

    return new
