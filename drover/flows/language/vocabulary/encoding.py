"""Helpers that encode and decode: URLs, base 64, query strings, JSON."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from json import JSONDecodeError
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from drover.flows.language.conversions import to_number, to_text
from drover.flows.language.errors import RenderLimit
from drover.flows.language.helper import Helper
from drover.flows.language.json_text import parse_json, to_json
from drover.flows.language.text import well_formed
from drover.flows.language.values import UNDEFINED, Value, is_number

_SAFE_IN_COMPONENT: Final = "!'()*~-._"
_SAFE_IN_URI: Final = _SAFE_IN_COMPONENT + ";,/?:@&=+$#"
_RESERVED: Final = frozenset(b";/?:@&=+$,#")
_ESCAPES: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9a-fA-F]{2})")

_MAX_INDENT: Final = 10


def _quoted(value: Value, safe: str) -> str:
    try:
        return quote(to_text(value), safe=safe)
    except UnicodeEncodeError:
        return ""


def _encode_uri_component(text: Value = UNDEFINED) -> str:
    return _quoted(text, _SAFE_IN_COMPONENT)


def _encode_uri(text: Value = UNDEFINED) -> str:
    return _quoted(text, _SAFE_IN_URI)


def _decode_uri_component(text: Value = UNDEFINED) -> str:
    return _unquoted(to_text(text), frozenset())


def _decode_uri(text: Value = UNDEFINED) -> str:
    return _unquoted(to_text(text), _RESERVED)


def _unquoted(text: str, kept: frozenset[int]) -> str:
    """Decode percent escapes, but leave those of the bytes in ``kept`` as they are."""
    if _STRAY_PERCENT.search(text):
        return ""
    try:
        return _ESCAPES.sub(lambda run: _unquoted_run(run[0], kept), text)
    except UnicodeDecodeError:
        return ""


def _unquoted_run(escapes: str, kept: frozenset[int]) -> str:
    if not kept:
        return unquote_to_bytes(escapes).decode()
    parts = re.split(r"(%..)", escapes)[1::2]
    protected = "".join(f"%25{part[1:]}" if int(part[1:], 16) in kept else part for part in parts)
    return unquote_to_bytes(protected).decode()


def _encode_base64(text: Value = UNDEFINED) -> str:
    return b64encode(well_formed(to_text(text)).encode()).decode()


def _decode_base64(text: Value = UNDEFINED) -> str:
    symbols = re.sub(r"[^A-Za-z0-9+/]", "", to_text(text).translate(_URL_SAFE).partition("=")[0])
    if len(symbols) % 4 == 1:
        # A single symbol carries no whole byte.
        symbols = symbols[:-1]
    try:
        return b64decode(symbols + "=" * (-len(symbols) % 4)).decode("utf-8", "replace")
    except binascii.Error:  # pragma: no cover - the symbols are clean by now
        return ""


_URL_SAFE: Final = str.maketrans("-_", "+/")


def _query_string(value: Value = UNDEFINED) -> str:
    if value.__class__ is not dict:
        return ""
    pairs = [
        f"{_encode_uri_component(key)}={_encode_uri_component(_query_value(element))}"
        for key, member in value.items()
        for element in (member if member.__class__ is list else [member])
    ]
    return "&".join(pairs)


def _query_value(value: Value) -> Value:
    return "" if value.__class__ in {dict, list} else value


def _json_encode(value: Value = UNDEFINED, spacer: Value = UNDEFINED) -> str:
    return "" if value is UNDEFINED else to_json(value, _indent(spacer))


def _indent(spacer: Value) -> str:
    if is_number(spacer):
        number = to_number(spacer)
        return " " * int(min(max(number, 0), _MAX_INDENT)) if number > 0 else ""
    return spacer[:_MAX_INDENT] if isinstance(spacer, str) else ""


def _json_decode(text: Value = UNDEFINED) -> Value:
    try:
        return parse_json(to_text(text))
    except (JSONDecodeError, RenderLimit):
        return UNDEFINED


HELPERS: Final = (
    Helper("encodeURIComponent", _encode_uri_component, ("s",)),
    Helper("decodeURIComponent", _decode_uri_component, ("s",)),
    Helper("encodeURI", _encode_uri, ("s",)),
    Helper("decodeURI", _decode_uri, ("s",)),
    Helper("encodeBase64", _encode_base64, ("v",)),
    Helper("decodeBase64", _decode_base64, ("v",)),
    Helper("queryStringEncode", _query_string, ("obj",)),
    Helper("jsonEncode", _json_encode, ("v", "spacer"), raw=True),
    Helper("jsonDecode", _json_decode, ("text",), measured=True),
)
