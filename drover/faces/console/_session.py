"""Cookies of the console, and the tokens that show a form came from one of its own pages.

The cookie of a session holds its token. No other face reads cookies, and this one reads nothing
else, so that neither serves in place of the other. A form carries a token made from the cookie:
whoever cannot read the cookie cannot make it, and nothing has to be stored.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from drover.app.about import ServerFacts
from drover.app.access.authenticate import Authenticator
from drover.model.errors import Forbidden, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.services import Services
    from drover.model.access import Caller

SESSION: Final = "drover_console"
"""The cookie of a session."""

VISITOR: Final = "drover_visitor"
"""The cookie of a browser that is not signed in; its form to sign in is tied to it."""

_OF_HOST: Final = "__Host-"
"""Browsers take a cookie of such a name from the host itself alone, and over TLS alone."""

OWN: Final = frozenset({SESSION, VISITOR, _OF_HOST + SESSION, _OF_HOST + VISITOR})
"""All names that cookies of the console have: no other face is given these."""

FIELD: Final = "csrf"
"""The field of a form that holds its token."""

SESSION_S: Final = 43_200
"""How long a session of the console lasts: a working day."""

_PATH: Final = "/console"
_ROOT: Final = "/"
_PURPOSE: Final = b"a form of the console"
_FROM_HERE: Final = frozenset({"same-origin", "none"})


class Cookies:
    """Reads who is calling from the session's cookie."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def identify(self, headers: Mapping[str, str], _query: Mapping[str, str]) -> Caller:
        """Return who is signed in; raises Unauthorized."""
        token = cookie(headers, SESSION, secure=self._services[ServerFacts].secure)
        if not token:
            raise Unauthorized("Please sign in")
        caller = await self._services[Authenticator].authenticate(token)
        if caller.type != "user":  # an API token is for programs, and ends otherwise
            raise Unauthorized("Please sign in")
        return caller


def cookie(headers: Mapping[str, str], name: str, *, secure: bool) -> str:
    """Return the value of a cookie, "" without one; of two of a name the first counts.

    A server that is reached over TLS, which is ``secure``, takes only what no other host, such as
    one below its own at which an experience answers, can have set.
    """
    wanted = _named(name, secure=secure)
    for part in headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == wanted:
            return value
    return ""


def new_visitor() -> str:
    """Return the value of a cookie for a browser that is not signed in."""
    return secrets.token_urlsafe(24)


def form_token(cookie_value: str) -> str:
    """Return what a form carries, to be sent back with that cookie."""
    return hmac.new(cookie_value.encode("utf-8", "replace"), _PURPOSE, sha256).hexdigest()


def check_form(headers: Mapping[str, str], cookie_value: str, given: str) -> None:
    """Raise Forbidden unless a form was sent by a page of this console."""
    site = headers.get("sec-fetch-site", "same-origin")
    right = hmac.compare_digest(form_token(cookie_value).encode(), given.encode("utf-8", "replace"))
    if not cookie_value or not right or site not in _FROM_HERE:
        raise Forbidden("This form is not from here, or too old: load the page again and repeat")


def kept(name: str, value: str, *, secure: bool, seconds: int) -> str:
    """Return the header that sets a cookie; 0 seconds take it away."""
    path, safe = (_ROOT, "; Secure") if secure else (_PATH, "")
    told = f"{_named(name, secure=secure)}={value}; Path={path}; Max-Age={seconds}"
    return f"{told}; HttpOnly; SameSite=Strict{safe}"


def _named(name: str, *, secure: bool) -> str:
    return f"{_OF_HOST}{name}" if secure else name
