"""Requests to other servers, made for users: guarded, bounded, answered as values."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class WebRequest(Struct, frozen=True, kw_only=True):
    """One request. ``files`` are the parts of a multipart body, name and text each.

    ``certificate`` is a client's key and certificate as PEM text. ``most_bytes`` bounds the body of
    the answer, ``timeout_ms`` the whole exchange, redirects included.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    files: tuple[tuple[str, str], ...] = ()
    basic: tuple[str, str] | None = None
    certificate: tuple[str, str] | None = None
    ca_certificate: str = ""
    verifies: bool = True
    follows: bool = True
    timeout_ms: int = 10_000
    most_bytes: int = 100_000_000


class WebResponse(Struct, frozen=True, kw_only=True):
    """An answer, whatever its status: header names in lower case, times in ms."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str
    duration_ms: float


class WebFailure(Exception):
    """No answer came: ``name`` is Refused, Timeout, TooLarge or Unreachable."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


class Web(Protocol):
    """The way to other servers."""

    async def fetch(self, request: WebRequest) -> WebResponse:
        """Make a request; raises WebFailure.

        Addresses of private networks, of this machine and of its links are refused unless the
        operator allows them; the address that was checked is the one that is connected to, for
        redirects too.
        """
        ...
