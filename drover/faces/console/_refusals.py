"""Refusals as pages: what happened and where to go, or the way to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from drover.faces.console._rendering import HTML, SECURITY, render
from drover.faces.operation import Answer
from drover.faces.refusals import headers_of
from drover.model.errors import Unauthorized

if TYPE_CHECKING:
    from drover.faces.operation import Destination
    from drover.model.errors import DroverError

SIGN_IN: Final = "/console/sign-in"
_LONGEST_ADDRESS: Final = 2048
_TITLES: Final = {
    400: "That did not work",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    429: "Too much at once",
    503: "Busy",
}


def refuse_as_text(error: DroverError, status: int) -> Answer:
    """Return a refusal where nothing is known of the request."""
    return Answer(error.message.encode(), status, dict(SECURITY), "text/plain; charset=utf-8")


def refuse_at(error: DroverError, status: int, at: Destination) -> Answer:
    """Return a refusal as a page; who is not signed in is led to do so, and then back."""
    if isinstance(error, Unauthorized):
        return _to_sign_in(at)
    title = _TITLES.get(status, "Something failed")
    body = render("refused.html", title=title, message=error.message, back=_page_before(at))
    return Answer(body, status, {**SECURITY, **headers_of(error)}, HTML)


def _to_sign_in(at: Destination) -> Answer:
    if at.headers.get("sec-fetch-site") == "cross-site" and at.method == "GET":
        # A browser keeps the cookie back when a page of another site leads here, once: asked again
        # by a page of ours it sends it.
        return Answer(render("again.html", address=back_to(at)), 200, dict(SECURITY), HTML)
    target = SIGN_IN
    if at.method in ("GET", "HEAD") and "hx-request" not in at.headers:
        target = f"{SIGN_IN}?next={quote(back_to(at), safe='')}"
    if "hx-request" in at.headers:
        return Answer(b"", 401, {**SECURITY, "HX-Redirect": target}, HTML)
    return Answer(b"", 303, {**SECURITY, "Location": target}, HTML)


def back_to(at: Destination) -> str:
    """Return the address that was asked for, within this server."""
    return f"{quote(at.path)}?{at.query}" if at.query else quote(at.path)


def own_address(text: str) -> str:
    """Return an address if it leads to a page of the console, "" otherwise."""
    plain = text.isascii() and text.isprintable() and "\\" not in text and "//" not in text
    within = text == "/console" or text.startswith(("/console/", "/console?"))
    return text if plain and within and len(text) <= _LONGEST_ADDRESS else ""


def _page_before(at: Destination) -> str:
    """Return the address of the page that a form was sent from; "" where it is not known."""
    parts = urlsplit(at.headers.get("referer", ""))
    return own_address(f"{parts.path}?{parts.query}" if parts.query else parts.path)
