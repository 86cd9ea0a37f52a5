"""HTTP: one request to another server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from drover.flows.actions import Action, Ask
from drover.flows.language import (
    UNDEFINED,
    RenderLimit,
    parse_json,
    to_json,
    to_number,
    to_text,
)
from drover.flows.node import Node
from drover.flows.settings import error_writer, within
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Body = Callable[[Any], dict[str, Any]]
    Pairs = list[tuple[str, str]]

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
LONGEST_S: Final = 30
MOST_HEADERS: Final = 100

_TYPE: Final = "content-type"

_BODY_TYPES: Final = ("string", "jsonTemplate", "urlencoded", "multipart", "none", "url")
_BODILESS: Final = ("GET", "HEAD")
_AUTH_TYPES: Final = ("none", "basic", "clientCert", "credential")


def _compile(settings: Settings) -> Action:
    request = _request(settings)
    write = settings.writer("responsePath", fresh=True)
    write_error = error_writer(settings)

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        error = answer.get("error")
        if error is None:
            if write is not None:
                write(visit, _response(answer["result"]))
        elif write_error is None:
            raise Thrown("HttpNodeError", error["message"])
        else:
            sent = answer.get("request")
            told = {"name": error["type"], "message": error["message"], "request": sent}
            write_error(visit, told)
        return 0

    return Ask("http.request", request, settle, apart=True)


def _request(settings: Settings) -> Callable[[Visit], dict[str, Any]]:
    method = settings.literal("method", default="GET", choices=METHODS)
    url = settings.template("uriTemplate", required=True, label="URL")
    headers = _headers(settings)
    body = _no_body if method in _BODILESS else _body(settings)
    timeout_ms = _timeout(settings)
    encoding = settings.template("encodingTemplate")
    ca_cert = settings.template("caCertTemplate")
    auth = _auth(settings)
    fixed = {
        "method": method,
        "verify": not settings.flag("disableSSLVerification"),
        "redirects": not settings.flag("disableRedirects"),
    }

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        content = body(payload)
        return {
            **fixed,
            **auth(payload),
            "url": url(payload),
            **content,
            "headers": _together(content, headers(payload)),
            "timeoutMs": timeout_ms(payload),
            "encoding": encoding(payload) or "utf8",
            "caCert": ca_cert(payload),
        }

    return request


def _headers(settings: Settings) -> Callable[[Any], list[tuple[str, str]]]:
    entries = [
        (
            entry.template("keyTemplate" if entry.holds("keyTemplate") else "key"),
            entry.template("valueTemplate"),
        )
        for entry in settings.items("headerInfo", most=MOST_HEADERS)
    ]
    return lambda payload: [
        (name, value(payload)) for key, value in entries if (name := key(payload))
    ]


def _together(content: dict[str, Any], given: Pairs) -> Pairs:
    """Return the headers of a body and those given, which count more.

    Parts without a boundary could not be told apart: a type that names none is left to who sends.
    """
    if "multipart" in content:
        given = [each for each in given if each[0].lower() != _TYPE or "boundary=" in each[1]]
    names = {name.lower() for name, _ in given}
    return [*(each for each in content.get("headers", ()) if each[0].lower() not in names), *given]


def _timeout(settings: Settings) -> Callable[[Any], int]:
    text = settings.template("timeoutTemplate")

    def render(payload: Any) -> int:
        value = to_number(given) if (given := text(payload).strip()) else LONGEST_S
        if not value > 0:
            raise Thrown("Validation", "Timeout must be a number of seconds above 0")
        return int(min(value, LONGEST_S) * 1000)

    return render


def _body(settings: Settings) -> Body:
    kind = settings.literal("bodyType", default="string", choices=_BODY_TYPES)
    return _BODIES[kind](settings)


def _no_body(_payload: Any) -> dict[str, Any]:
    return {}


def _text_body(settings: Settings) -> Body:
    value = settings.value("bodyTemplate")
    encoding = settings.template("requestEncodingTemplate")
    return lambda payload: {
        "body": to_text(value(payload)),
        "bodyEncoding": encoding(payload) or "utf8",
    }


def _json_body(settings: Settings) -> Body:
    render = settings.json("bodyTemplate")

    def body(payload: Any) -> dict[str, Any]:
        value = render(payload)
        if value is UNDEFINED:
            return {}
        return {"body": to_json(value), "headers": [("Content-Type", "application/json")]}

    return body


def _fields(settings: Settings) -> Callable[[Any], list[tuple[str, str]]]:
    entries = [
        (entry.template("keyTemplate"), entry.template("valueTemplate"))
        for entry in settings.items("bodyFields", most=MOST_HEADERS)
    ]
    return lambda payload: [(key(payload), value(payload)) for key, value in entries]


def _form_body(settings: Settings) -> Body:
    fields = _fields(settings)
    return lambda payload: {
        "body": urlencode(fields(payload)),
        "headers": [("Content-Type", "application/x-www-form-urlencoded")],
    }


def _multipart_body(settings: Settings) -> Body:
    fields = _fields(settings)
    return lambda payload: {"multipart": fields(payload)}


def _fetched_body(settings: Settings) -> Body:
    url = settings.template("bodyTemplate", required=True, label="Body URL")
    return lambda payload: {"bodyUrl": url(payload)}


_BODIES: Final[dict[str, Callable[[Settings], Body]]] = {
    "string": _text_body,
    "jsonTemplate": _json_body,
    "urlencoded": _form_body,
    "multipart": _multipart_body,
    "none": lambda _settings: _no_body,
    "url": _fetched_body,
}


def _auth(settings: Settings) -> Body:
    kind = settings.literal("authType", default="none", choices=_AUTH_TYPES)
    if kind == "credential":
        name = settings.template("credentialNameTemplate", required=True, label="Credential")
        return lambda payload: {"credential": name(payload)}
    inner = within(settings, "authCredentials")
    keys = {"basic": ("username", "password"), "clientCert": ("key", "cert")}.get(kind, ())
    texts = {key: inner.template(f"{key}Template") for key in keys}
    if not texts:
        return _no_body
    return lambda payload: {"auth": {key: text(payload) for key, text in texts.items()}}


def _response(result: dict[str, Any]) -> dict[str, Any]:
    if not result.pop("isText", True):
        return result
    try:
        result["body"] = parse_json(result["body"])
    except (ValueError, RenderLimit, TypeError):
        return result
    return result


NODE = Node(type="HttpNode", name="http", category="data", compile=_compile)
