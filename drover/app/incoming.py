"""A request from outside as workflows see it: path, method, headers, query, and the body by kind.

Source: Losant-compatible nodes, section 8 (webhook, endpoint).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote

from drover.app.multipart import BrokenForm, Part, all_parts
from drover.flows.language import RenderLimit, parse_json
from drover.flows.payload import literal
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST_BYTES: Final = 262_144
"""Of a request's body."""

MOST_FIELDS: Final = 1000
"""Fields of a form, and parameters of a query."""

PUBLIC: Final = "public"
NOBODY: Final = "0" * 24
"""Who calls where nobody says who they are."""

_IN_COOKIES: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"
"""Characters of a cookie beside letters and digits. A per cent sign is one too, but begins %20."""

_DROPPED: Final = frozenset({"cookie"})
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_TEXTS: Final = ("text/", "application/json", "application/xml")
_CASTS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "array": list,
    "binary": lambda body: body.decode("latin-1"),
    "base64": lambda body: base64.b64encode(body).decode(),
    "hex": bytes.hex,
    "utf8": lambda body: body.decode(errors="replace"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request from outside; ``path`` begins with a slash, header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: bytes = b""
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """The type of the body, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def flow_version(self) -> str | None:
        """The version of workflows that the caller wants."""
        return self.headers.get("x-flow-version") or None


def data_of(
    incoming: Incoming,
    *,
    without: Iterable[str] = (),
    cast: str = "utf8",
    annotated: bool = False,
) -> dict[str, Any]:
    """Return a request as the ``data`` of a payload; raises Invalid.

    ``without`` are headers that hold secrets already used; ``cast`` says what becomes of bodies
    that are no text, ``annotated`` whether parts of forms tell their type and file name.
    """
    dropped = _DROPPED.union(without)
    return {
        "path": incoming.path,
        "method": incoming.method.lower(),
        "headers": {name: text for name, text in incoming.headers.items() if name not in dropped},
        "query": literal(fields_of(incoming.query)),
        "body": literal(_body(incoming, cast, annotated=annotated)),
    }


def fields_of(text: bytes) -> dict[str, Any]:
    """Return the fields of a form or query: a list where one comes more than once."""
    try:
        pairs = parse_qsl(
            text.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise Invalid(f"At most {MOST_FIELDS} fields are accepted") from error
    return _gathered(pairs)


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies of a request by name: the first of a name, which is the nearest."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip(), _cookie_read(value.strip()))
    return found


def cookie_text(value: str) -> str:
    """Return a value such that a cookie can hold it: what it cannot is written as ``%20``."""
    return quote(value.encode(errors="replace"), safe=_IN_COOKIES)


def _cookie_read(text: str) -> str:
    """Return the value that ``cookie_text`` made a text of, or what a text in quotes says."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _gathered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    several: set[str] = set()
    for name, value in pairs:
        if name in several:
            found[name].append(value)
        elif name in found:
            found[name] = [found[name], value]
            several.add(name)
        else:
            found[name] = value
    return found


def _body(incoming: Incoming, cast: str, *, annotated: bool) -> Any:
    """Return the body parsed as its type says where it can be, else as text; None without one."""
    body = incoming.body
    if not body:
        return None
    kind = incoming.media_type
    if kind == "application/json" or kind.endswith("+json"):
        return _json(body)
    if kind == _FORM:
        return fields_of(body)
    if kind == _MULTIPART:
        return _parts(incoming, cast, annotated=annotated)
    return _CASTS["utf8" if kind.startswith(_TEXTS) or not kind else cast](body)


def _json(body: bytes) -> Any:
    try:
        return parse_json(body.decode())
    except (ValueError, RenderLimit):  # no JSON, or no UTF-8, or nested too deep
        return body.decode(errors="replace")


def _parts(incoming: Incoming, cast: str, *, annotated: bool) -> Any:
    try:
        parts = all_parts(incoming.headers["content-type"], incoming.body, MOST_FIELDS)
    except BrokenForm:
        return incoming.body.decode(errors="replace")
    return _gathered(
        (each.name, _part(each, cast, annotated=annotated)) for each in parts if each.name
    )


def _part(part: Part, cast: str, *, annotated: bool) -> Any:
    file_name, kind = part.file_name, part.media_type
    value = _CASTS[cast if file_name and not kind.startswith(_TEXTS) else "utf8"](part.content)
    if not annotated:
        return value
    told = {"value": value, "contentType": kind}
    return {**told, "filename": file_name} if file_name else told
