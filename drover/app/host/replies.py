"""Replies that workflows give to requests that wait for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.endpoints import Endpoints, page_context
from drover.app.experience_pages import Wanted
from drover.app.experience_site import DEVELOP
from drover.app.incoming import cookie_text
from drover.app.replies import AwaitedReplies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]{0,8000}")
_LONGEST_COOKIE: Final = 4000
_SAFE_IN_URL: Final = "!#$%&'()*+,/:;=?@[]~"

_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "content-security-policy",
        "date",
        "keep-alive",
        "server",
        "set-cookie",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-content-type-options",
        "x-request-id",
    }
)
"""Headers that the server alone sets."""


async def _give(asking: Asking, request: Request) -> bool:
    """Give a reply; tells whether somebody waited for it."""
    body, more = await _body(asking, request)
    document = {
        "status": request["status"],
        "headers": [*more, *_headers(request["headers"])],
        "cookies": [text for each in request.get("cookies", ()) if (text := _cookie(each))],
        "body": body,
    }
    encoded = msgspec.json.encode(document)
    replies = asking.services[AwaitedReplies]
    return await replies.give(asking.application_id, request["replyId"], encoded)


async def _body(asking: Asking, request: Request) -> tuple[str, list[tuple[str, str]]]:
    """Return the body of a reply, and the headers that go with it; raises Missing, Invalid."""
    page = request.get("page")
    if page is None:
        return request["body"], []
    wanted = Wanted(page["id"], page["version"] or DEVELOP, page["layout"])
    context = page_context(page["experience"], page["request"], page["globals"], page["data"])
    pages = asking.services[Endpoints].pages
    rendered = await pages.render(asking.application_id, wanted, context)
    return rendered.text, [("content-type", rendered.media_type)]


def _headers(given: Any) -> Iterator[tuple[str, str]]:
    """Yield the headers that may be sent; what cannot be one is passed over."""
    for name, value in given:
        lower = name.lower()
        text = quote(value, safe=_SAFE_IN_URL) if lower == "location" else value
        if lower not in _OURS and _NAME.fullmatch(name) and _VALUE.fullmatch(text):
            yield lower, text


def _cookie(given: Mapping[str, Any]) -> str:
    """Return the text of a cookie without its path; empty for one that cannot be sent."""
    name, value = given["name"], cookie_text(given["value"])
    if not _NAME.fullmatch(name) or name.startswith("__") or len(value) > _LONGEST_COOKIE:
        return ""
    age = "" if given["maxAge"] is None else f"; Max-Age={given['maxAge']}"
    secure = "; Secure" if given["site"] == "none" else ""
    return f"{name}={value}{age}; SameSite={given['site'].capitalize()}; HttpOnly{secure}"


OPERATIONS = HostOperations({"reply.give": each(_give)})
