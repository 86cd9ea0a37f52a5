"""What every dialect's routes are made of: an operation declared once, and one call of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from msgspec import Struct

from drover.faces.parameters import nested
from drover.model.access import Caller
from drover.model.bodies import decode
from drover.model.errors import DroverError, Invalid
from drover.model.fields import is_id

S = TypeVar("S")


async def _never_left() -> None:
    await asyncio.Event().wait()


_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


class Call(Struct, frozen=True, dict=True):
    """One request, as an operation sees it: who calls, path, query and body.

    ``sent_query`` is the query string as it was sent, for those who may name a parameter twice.
    ``left`` returns once the client has gone away.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]
    address: str = ""
    method: str = "GET"
    sent_query: bytes = b""
    left: Callable[[], Awaitable[None]] = _never_left

    def json(self, shape: type[S]) -> S:
        """Decode the body to ``shape``; raises Invalid naming the field."""
        return decode(self.body, shape)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean query parameter in any of the spellings clients send."""
        text = self.query.get(name)
        if text is None:
            return default
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise Invalid(f"{name} must be true or false", field=name)

    def whole(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """Return a whole-number query parameter; raises Invalid outside ``least..most``."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        try:
            value = int(text) if len(text) <= _LONGEST_NUMBER else _number_too_long(name)
        except ValueError as error:
            raise Invalid(f"{name} must be a whole number", field=name) from error
        if value < least or (most is not None and value > most):
            limit = f"from {least} to {most}" if most is not None else f"at least {least}"
            raise Invalid(f"{name} must be {limit}", field=name)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Return a query parameter that must be one of ``allowed``; raises Invalid."""
        text = self.query.get(name)
        if text is None or text == "":
            return default
        if text not in allowed:
            raise Invalid(f"{name} must be one of: {', '.join(allowed)}", field=name)
        return text

    def nested(self, name: str) -> Any:
        """Return a parameter sent in brackets (``name[0][key]=k``) as lists and dicts, or None."""
        return nested(self.query, name)

    def names(self, name: str) -> frozenset[str]:
        """Return a list of names, sent with commas between them or in brackets."""
        given = self.nested(name)
        if isinstance(given, dict):
            raise Invalid(f"{name} must be a list of names", field=name)
        names = given.split(",") if isinstance(given, str) else given or ()
        return frozenset(str(each).strip() for each in names if str(each).strip())

    def id(self, name: str) -> str | None:
        """Return a query parameter that is an id, in lower case, or None; raises Invalid."""
        text = self.query.get(name)
        if not text:
            return None
        if not is_id(text):
            raise Invalid(f"{name} must be 24 hexadecimal characters", field=name)
        return text.lower()

    def needed_id(self, name: str) -> str:
        """Return a query parameter that is an id, in lower case; raises Invalid without it."""
        return self.id(name) or self.text(name)

    def text(self, name: str) -> str:
        """Return a query parameter that must be given; raises Invalid."""
        text = self.query.get(name)
        if not text:
            raise Invalid(f"{name} is required", field=name)
        return text

    @cached_property
    def application_id(self) -> str:
        """The application named in the path, lower case."""
        return self.path["applicationId"]


class Answer(Struct, frozen=True):
    """An answer that is more than JSON with the operation's status.

    ``body`` may be bytes, or an async iterator of bytes to stream. ``error`` is what an operation
    refused that has a shape of its own for that; ``cookies`` are texts of ``Set-Cookie`` headers.
    A stream that has no end of its own comes with ``still``, which raises a DroverError once what
    is streamed is nobody's to see any more: it ends then, and when its caller is let in no longer.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}
    media_type: str = "application/json"
    error: DroverError | None = None
    cookies: tuple[str, ...] = ()
    still: Callable[[], Awaitable[object]] | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method and path, the scopes that open it, and the use case behind it.

    ``scopes`` is None only for operations that need no token (the sign-in calls); an operation
    declared without scopes does not start. ``path`` uses ``{name}`` parts; ids in it are checked to
    be 24 hex characters (400 otherwise) where their name ends in ``Id``, and given in lower case; a
    last ``{name*}`` stands for all that follows, or nothing.
    When the path holds ``{applicationId}``, the caller's right to see that application is decided
    first (404), then the scopes (403). ``run`` returns a JSON-like value, bytes of JSON, or an
    Answer. ``flawed_status`` answers a body with several flaws; ``opaque_ids`` are path parts whose
    names end in ``Id`` but that are not 24 hex characters. One that ``gives_way`` is left out where
    another has its method and path; ``kind`` is the resource kind that it shows.
    """

    method: str
    path: str
    scopes: frozenset[str] | None
    run: Callable[[Call], Awaitable[Any]]
    name: str
    summary: str
    status: int = 200
    body: type[Struct] | None = None
    parameters: tuple[str, ...] = ()
    max_body_bytes: int | None = None
    ours: bool = False
    flawed_status: int = 400
    opaque_ids: frozenset[str] = frozenset()
    gives_way: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a refused request was going: what a refusal for people is made from."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Face:
    """What a dialect says in its own way: who calls, and how a refusal looks.

    A package of operations declares one as ``FACE``. ``prefix`` is where its paths begin;
    ``identify`` reads the caller from headers and query where that is not the bearer token, and
    raises Unauthorized; ``refuse`` turns an error and its usual status into an answer, and
    ``refuse_at`` does in its place where the answer depends on where the request was going. Pages
    for people are no part of the API and not ``described`` with it. The ``cookies`` of these names
    are its own: no operation of another face is given them, so that none can tell them on.
    """

    name: str
    prefix: str
    refuse: Callable[[DroverError, int], Answer]
    identify: Callable[[Mapping[str, str], Mapping[str, str]], Awaitable[Caller]] | None = None
    refuse_at: Callable[[DroverError, int, Destination], Answer] | None = None
    described: bool = True
    cookies: frozenset[str] = frozenset()


_LONGEST_NUMBER = 18


def _number_too_long(name: str) -> int:
    raise Invalid(f"{name} is out of range", field=name)
