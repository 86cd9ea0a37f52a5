"""What every dialect's routes are made of: an operation declared once, and one call of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from drover.model.errors import Invalid
from drover.model.kind import decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from msgspec import Struct

    from drover.model.access import Caller

S = TypeVar("S", bound="Struct")

_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})


@dataclass(frozen=True)
class Call:
    """One request, as an operation sees it: who calls, path, query and body."""

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]
    address: str = ""

    def json(self, shape: type[S]) -> S:
        """Decode the body to ``shape``; raises Invalid naming the field."""
        return decode(self.body, shape)  # type: ignore[return-value]

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
            value = int(text)
        except ValueError as error:
            raise Invalid(f"{name} must be a whole number", field=name) from error
        if value < least or (most is not None and value > most):
            raise Invalid(f"{name} must be from {least} to {most}", field=name)
        return value

    @cached_property
    def application_id(self) -> str:
        """The application named in the path, lower case."""
        return self.path["applicationId"].lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is more than JSON with the operation's status.

    ``body`` may be bytes, or an async iterator of bytes to stream.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method and path, the scopes that open it, and the use case behind it.

    ``scopes`` is None only for operations that need no token (the sign-in calls); an operation
    declared without scopes does not start. ``path`` uses ``{name}`` parts; ids in it are checked to
    be 24 hex characters (400 otherwise) where their name ends in ``Id``. When the path holds
    ``{applicationId}``, the caller's right to see that application is decided first (404), then
    the scopes (403). ``run`` returns a JSON-like value, bytes of JSON, or an Answer.
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
