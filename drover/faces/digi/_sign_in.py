"""Who is calling: a key, a password, or a token of this server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from drover.model.errors import Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.access.authenticate import Authenticator
    from drover.model.access import Caller

KEY_ID = "x-api-key-id"
KEY_SECRET = "x-api-key-secret"  # noqa: S105 - the name of a header


class SignIn:
    """Reads the caller from the headers (Digi-compatible behaviour, section 1)."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def identify(self, headers: Mapping[str, str], _query: Mapping[str, str]) -> Caller:
        """Return who is calling: keys win over a password; raises Unauthorized."""
        key_id, secret = headers.get(KEY_ID), headers.get(KEY_SECRET)
        if key_id is not None or secret is not None:
            return await self._authenticator.authenticate_key(key_id or "", secret or "")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._authenticator.authenticate(given.strip())
        if scheme.lower() != "basic":
            raise Unauthorized("Sign in with a user and password, or with an API key")
        user, password = _pair(given.strip())
        return await self._authenticator.authenticate_basic(user, password)


def _pair(given: str) -> tuple[str, str]:
    try:
        user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError as error:
        raise Unauthorized("The user and password cannot be read") from error
    if not colon:
        raise Unauthorized("The user and password cannot be read")
    return user, password
