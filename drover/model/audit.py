"""What an audit log says of one request that changed something."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

REDACTED: Final = "[redacted]"
_SECRET_WORDS: Final = (
    "password",
    "secret",
    "token",
    "privatekey",
    "apikey",
    "accesskey",
    "accountkey",
    "keyjson",
    "passphrase",
    "credential",
    "connectionuri",
    "connectionstring",
    "twofactor",
    "authorization",
    "cookie",
    "otpauth",
    "signature",
    "csvresult",  # of devices made by a recipe: it may hold their keys
)
_DEEPEST: Final = 32


class Named(Struct, frozen=True, kw_only=True):
    """Who did something, or what it was done to; what is not known is None."""

    id: str | None = None
    type: str | None = None
    name: str | None = None


NOBODY: Final = Named()


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One request. Its document is what is shown; the rest is what lists sort and filter by.

    ``primary`` is the application, or what of the organisation itself, and ``secondary`` what in
    the application.
    """

    id: str
    org_id: str
    at_ms: int
    status: int
    resource: str
    action: str
    actor: Named
    primary: Named
    secondary: Named
    document: str


def redacted(value: Any, depth: int = 0) -> Any:
    """Return a JSON value without what its member names call a secret."""
    if depth > _DEEPEST:
        return REDACTED
    if isinstance(value, list):
        return [redacted(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: REDACTED if _hides(name, inner) else redacted(inner, depth + 1)
        for name, inner in value.items()
    }


def _hides(name: str, value: Any) -> bool:
    plain = name.lower().replace("_", "").replace("-", "")
    return (
        value is not None
        and not name.endswith("Id")
        and any(word in plain for word in _SECRET_WORDS)
    )
