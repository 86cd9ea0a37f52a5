"""Errors as answers: one table to a status, and the shape most dialects share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.faces.operation import Answer
from drover.model.errors import (
    Conflict,
    DroverError,
    Forbidden,
    Full,
    Gone,
    Invalid,
    Missing,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS: Final[Mapping[type[DroverError], int]] = {
    Invalid: 400,
    Conflict: 400,
    Unauthorized: 401,
    Forbidden: 403,
    Missing: 404,
    Gone: 410,
    TooLarge: 413,
    TooMany: 429,
    Unavailable: 503,
    Full: 507,
}
"""The status of each error; that of a subclass is its nearest base's."""

_BUSY_SECONDS: Final = 1


class WrongMethod(DroverError):
    """The path exists, but not for this method."""

    code = "MethodNotAllowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This path accepts: {allowed}")
        self.allowed = allowed


class TooSlow(DroverError):
    """The body of a request did not come in time."""

    code = "RequestTimeout"


class Unexpected(DroverError):
    """The program failed; the log has the cause under the request's id."""

    code = "InternalError"


def status_of(error: DroverError, flawed: int = 400) -> int:
    """Return the status of an error; ``flawed`` is that of a body with several flaws."""
    if isinstance(error, WrongMethod):
        return 405
    if isinstance(error, TooSlow):
        return 408
    if isinstance(error, Invalid) and error.flaws:
        return flawed
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def headers_of(error: DroverError) -> dict[str, str]:
    """Return the headers that go with an error."""
    if isinstance(error, WrongMethod):
        return {"Allow": error.allowed}
    if isinstance(error, TooSlow):
        return {"Connection": "close"}
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.retry_after_s)}
    return {"Retry-After": str(_BUSY_SECONDS)} if isinstance(error, Unavailable) else {}


def refuse(error: DroverError, status: int) -> Answer:
    """Return ``{type, message}``, with ``validationErrors`` where there are several flaws."""
    body: dict[str, Any] = {"type": error.code, "message": error.message}
    if isinstance(error, Invalid) and error.flaws:
        body["validationErrors"] = [
            {
                "type": flaw.type,
                "id": flaw.id or flaw.place,
                "name": flaw.name or flaw.place,
                "message": flaw.message,
            }
            for flaw in error.flaws
        ]
    return Answer(msgspec.json.encode(body), status, headers_of(error))
