"""Signing in and out, and the way to the console from the root of the server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from msgspec.structs import replace

from drover.app.access.sessions import Sessions, Wish
from drover.faces.console._forms import MOST_BYTES, fields_of
from drover.faces.console._refusals import own_address
from drover.faces.console._rendering import HTML, SECURITY, render
from drover.faces.console._session import (
    FIELD,
    SESSION,
    SESSION_S,
    VISITOR,
    check_form,
    cookie,
    form_token,
    kept,
    new_visitor,
)
from drover.faces.console._site import Site, act
from drover.faces.operation import Answer, Call, Operation
from drover.faces.refusals import refuse
from drover.model.errors import DroverError, Invalid, Missing, TooMany, Unauthorized
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit

HOME: Final = "/console/jobs"
SIGN_IN: Final = "/console/sign-in"
ME: Final = for_operation("me", "get", ("User",), reads=True)
"""What whoever is signed in may do."""

_VISITOR_S: Final = 86_400


class _Pages:
    """What needs no session, and its end."""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self._site = site
        self._sessions = sessions

    async def root(self, call: Call) -> Answer:
        """Lead browsers to the console; for other clients there is nothing here."""
        if "text/html" not in call.headers.get("accept", ""):
            return refuse(Missing("There is nothing at this path"), 404)
        return _lead(HOME)

    async def ask(self, call: Call) -> Answer:
        """Ask for e-mail and password."""
        return self._form(call, after=call.query.get("next", ""))

    async def sign_in(self, call: Call) -> Answer:
        """Begin a session."""
        form = fields_of(call.body)
        visitor = self._visitor(call)
        check_form(call.headers, visitor, form.get(FIELD, ""))
        email, password, after = (form.get(name, "") for name in ("email", "password", "next"))
        try:
            wish = Wish(ttl_s=SESSION_S, code=form.get("code", "").strip() or None)
            signed = await self._sessions.sign_in(email, password, wish, call.address)
        except (Unauthorized, TooMany, Invalid) as error:
            return self._form(call, email=email, after=after, error=error)
        answer = _lead(own_address(after) or HOME)
        session = kept(SESSION, signed.token, secure=self._site.facts.secure, seconds=SESSION_S)
        return replace(answer, headers={**answer.headers, "Set-Cookie": session})

    async def sign_out(self, visit: Visit) -> Answer:
        """End the session."""
        await self._sessions.end(visit.call.caller)
        answer = _lead(f"{SIGN_IN}?done=out")
        gone = kept(SESSION, "", secure=self._site.facts.secure, seconds=0)
        return replace(answer, headers={**answer.headers, "Set-Cookie": gone})

    def _visitor(self, call: Call) -> str:
        return cookie(call.headers, VISITOR, secure=self._site.facts.secure)

    def _form(
        self, call: Call, *, email: str = "", after: str = "", error: DroverError | None = None
    ) -> Answer:
        visitor = self._visitor(call) or new_visitor()
        body = render(
            "sign_in.html",
            csrf=form_token(visitor),
            email=email,
            after=own_address(after),
            message=error.message if error else "",
            done=call.query.get("done", ""),
        )
        secure = self._site.facts.secure
        headers = {
            **SECURITY,
            "Set-Cookie": kept(VISITOR, visitor, secure=secure, seconds=_VISITOR_S),
        }
        if isinstance(error, TooMany):
            headers["Retry-After"] = str(error.retry_after_s)
        return Answer(body, _status(error), headers, HTML)


def _status(error: DroverError | None) -> int:
    if error is None:
        return 200
    return 429 if isinstance(error, TooMany) else 401


def _lead(path: str) -> Answer:
    return Answer(b"", 303, {**SECURITY, "Location": quote(path, safe="/?&=%")}, HTML)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations; those that come before signing in need no scopes."""
    site = Site.of(services)
    pages = _Pages(site, services[Sessions])
    declare = partial(Operation, scopes=None, max_body_bytes=MOST_BYTES, ours=True)
    for method, path, run, name, summary in (
        ("GET", "/", pages.root, "root", "The way to the console"),
        ("GET", "/console", _home, "home", "The way to the inventory"),
        ("GET", SIGN_IN, pages.ask, "signIn.get", "Ask for e-mail and password"),
        ("POST", SIGN_IN, pages.sign_in, "signIn.post", "Begin a session of the console"),
    ):
        yield declare(method=method, path=path, run=run, name=f"console.{name}", summary=summary)
    yield act(site, "/console/sign-out", ME, pages.sign_out)


async def _home(_call: Call) -> Answer:
    return _lead(HOME)
