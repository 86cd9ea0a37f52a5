"""Every error a caller can cause; each face has one table from these to its own shape.

DroverError
  Invalid         the request cannot be understood or breaks a limit
    Duplicate     a value that must be unique is taken
  Unauthorized    who is calling is not known
  Forbidden       the caller may see the thing but not do this to it
  Missing         the thing named does not exist, or not for this caller
  Gone            the thing named was there, but its time is over
  Conflict        the thing is in the wrong state for this
  TooLarge        the body or a value exceeds its size limit
  TooMany         a rate or a count limit is reached; try later
    AccountLocked   too many sign-ins with this account failed; try later
  Unavailable     the server cannot do this now; try later
  Full            the disk or the store has no room left
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

Error = TypeVar("Error", bound="DroverError")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One fault inside a document: where (a JSON pointer) and what.

    In a bundle of several resources ``id`` and ``name`` are those of the one at fault.
    """

    place: str
    message: str
    type: str = "Validation"
    id: str = ""
    name: str = ""

    @property
    def shown(self) -> dict[str, str]:
        """The fault as logs tell it."""
        return {"type": self.type, "name": self.name, "id": self.id, "message": self.message}


class DroverError(Exception):
    """Base of all expected failures; ``limit`` names the limit that was reached, if one was."""

    code = "Error"
    limit = ""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def reached(limit: str, error: Error) -> Error:
    """Return an error that names the limit it comes from."""
    error.limit = limit
    return error


class Invalid(DroverError):
    """The request cannot be understood or breaks a limit."""

    code = "Validation"

    def __init__(
        self, message: str, *, field: str | None = None, flaws: tuple[Flaw, ...] = ()
    ) -> None:
        super().__init__(message, field=field)
        self.flaws = flaws


class Duplicate(Invalid):
    """A value that must be unique is taken."""

    code = "AlreadyExists"


class Unauthorized(DroverError):
    """Who is calling is not known."""

    code = "Unauthorized"


class Forbidden(DroverError):
    """The caller may see the thing but not do this to it."""

    code = "Forbidden"


class Missing(DroverError):
    """The thing named does not exist, or not for this caller."""

    code = "NotFound"


class Gone(DroverError):
    """The thing named was there, but its time is over."""

    code = "Gone"


class Conflict(DroverError):
    """The thing is in the wrong state for this."""

    code = "Conflict"


class TooLarge(DroverError):
    """The body or a value exceeds its size limit."""

    code = "PayloadTooLarge"


class TooMany(DroverError):
    """A rate or a count limit is reached; ``retry_after_s`` says when to come back."""

    code = "TooManyRequests"

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AccountLocked(TooMany):
    """Too many sign-ins with this account failed; ``retry_after_s`` says when to come back."""

    code = "AccountLocked"


class Unavailable(DroverError):
    """The server cannot do this now; try later."""

    code = "Unavailable"


class Full(DroverError):
    """The disk or the store has no room left."""

    code = "InsufficientStorage"
