"""HTTP requests of running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from drover.app import http_credentials as credentials
from drover.app.answering import Answer, Asking, HostOperations, Request
from drover.app.text_encodings import DEFAULT, decoded, encoded
from drover.ports.web import WebFailure, WebRequest, WebResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of a response's body."""

_REDACTED: Final = "[redacted]"
_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


async def _request(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Make requests, one after another: workers send them one at a time."""
    return [await _one(asking, request) for request in requests]


async def _one(asking: Asking, request: Request) -> Answer:
    sent = _sent(request)
    try:
        web_request = await _signed_in(asking, request)
        response = await asking.tools.web.fetch(web_request)
    except WebFailure as failure:
        error = {"type": failure.name, "message": failure.message}
        return {"error": error, "request": sent}
    return {"result": _shown(response, request, sent)}


async def _signed_in(asking: Asking, request: Request) -> WebRequest:
    """Return the request with the credential that it names, if it names one."""
    name = request.get("credential")
    if not name:
        return await _prepared(asking, request)
    config = await credentials.settings_of(asking, name)
    whole = {**request, "url": credentials.whole_url(config, request["url"])}
    return credentials.signed_in(config, await _prepared(asking, whole))


async def _prepared(asking: Asking, request: Request) -> WebRequest:
    auth = request.get("auth") or {}
    limits = {"timeout_ms": request["timeoutMs"], "most_bytes": MOST_BYTES}
    body = _body(request)
    if request.get("bodyUrl"):
        source = WebRequest(method="GET", url=request["bodyUrl"], **limits)
        body = (await asking.tools.web.fetch(source)).body
    return WebRequest(
        method=request["method"],
        url=_checked_url(request["url"]),
        headers=tuple((str(name), str(value)) for name, value in request["headers"]),
        body=body,
        files=tuple((str(name), str(value)) for name, value in request.get("multipart", ())),
        basic=(auth["username"], auth["password"]) if "username" in auth else None,
        certificate=(auth["key"], auth["cert"]) if "key" in auth else None,
        ca_certificate=request.get("caCert") or "",
        verifies=request["verify"],
        follows=request["redirects"],
        **limits,
    )


def _checked_url(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise WebFailure("Refused", "The URL must begin with http:// or https://")
    return url


def _body(request: Request) -> bytes | None:
    text = request.get("body")
    if text is None:
        return None
    try:
        return encoded(text, request.get("bodyEncoding", DEFAULT))
    except (ValueError, LookupError) as error:
        raise WebFailure("Refused", f"The body cannot be encoded: {error}") from error


def _shown(response: WebResponse, request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": response.status,
        "headers": response.headers,
        "body": decoded(response.body, request["encoding"]),
        "isText": request["encoding"].lower() in (DEFAULT, "utf-8"),
        "requestDuration": round(response.duration_ms),
        "request": sent,
    }


def _sent(request: Request) -> dict[str, Any]:
    """Return the request as payloads show it: nothing of it that opens doors."""
    parts = urlsplit(request["url"])
    netloc = parts.netloc.rpartition("@")[2]
    headers = {
        str(name).lower(): _REDACTED if str(name).lower() in _SECRET_HEADERS else value
        for name, value in request["headers"]
    }
    uri = urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment))
    return {"uri": uri, "method": request["method"], "headers": headers}


OPERATIONS = HostOperations({"http.request": _request})
