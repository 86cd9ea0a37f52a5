"""What a request gives: parameters of the query string and of a body in any of three forms.

TMM-compatible behaviour, section 1: of a scalar given twice the last counts, and the query string
counts before the body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from drover.app import multipart
from drover.faces.parameters import MOST_PARAMETERS
from drover.faces.tmm._refusals import BadParam, MissingParam
from drover.model.errors import Invalid, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.faces.operation import Call

Pairs = list[tuple[str, Any]]
"""Names and values as given: text, or any JSON value from a JSON body."""

MOST_RESULTS: Final = 10_000
_TRUE: Final = frozenset({"true", "1"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_PLAIN: Final = re.compile(rb"([a-z_]+)=([a-z0-9_]*)")
"""A single pair that means what it says: most query strings are one, such as ``action=end``."""

_LISTED: Final = re.compile(r"([^\[\]]+)\[([0-9]{0,9})\]")
_ODD_NUMBER: Final = re.compile(rb"[0-9.]{1000}|[eE][+-]?[0-9]{4}")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_LONGEST: Final = 1000
_NUL: Final = "\0"


class Given:
    """The parameters of one request."""

    def __init__(self, query: Pairs, body: Pairs) -> None:
        self._query = query
        self._body = body
        self._scalars = {name: value for name, value in body if value is not None}
        self._scalars |= query
        # What no parameter begins with is in no list either: most lists are not looked for.
        self._begun = {name.partition("[")[0] for name in self._scalars}

    @property
    def in_query(self) -> Sequence[str]:
        """The names in the query string."""
        return list(dict.fromkeys(name for name, _ in self._query))

    def __contains__(self, name: str) -> bool:
        return name in self._scalars

    def raw(self, name: str) -> Any:
        """Return a value as given, None where it is absent."""
        return self._scalars.get(name)

    def text(self, name: str, *, most: int = _LONGEST) -> str | None:
        """Return a text, None where it is absent; raises BadParam."""
        value = self._scalars.get(name)
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise BadParam(f"{name} must be one value", field=name)
        text = str(value)
        if len(text) > most or _NUL in text:
            raise BadParam(f"{name} may have {most} characters, none of them U+0000", field=name)
        return text

    def filled(self, name: str, *, most: int = _LONGEST) -> str | None:
        """Return a text without the spaces around it; None where it is absent or blank."""
        if name not in self._scalars:
            return None
        text = self.text(name, most=most)
        return (text.strip() or None) if text is not None else None

    def needed(self, name: str, *, most: int = _LONGEST) -> str:
        """Return a text that must be there and not be blank; raises MissingParam."""
        text = self.filled(name, most=most)
        if text is None:
            raise MissingParam(f"{name} is required", field=name)
        return text

    def flag(self, name: str) -> bool | None:
        """Return whether a parameter is ``true`` or ``1``; None where it is absent."""
        text = self.text(name)
        return None if text is None else text.strip().lower() in _TRUE

    def whole(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number, None where it is absent or blank; raises BadParam."""
        text = self.filled(name)
        if text is None:
            return None
        value = whole_number(name, text)
        if not least <= value <= most:
            raise BadParam(f"{name} must be from {least} to {most}", field=name)
        return value

    def every(self, name: str) -> list[Any]:
        """Return all values of a list, those of the query string first.

        ``name``, ``name[]`` and ``name[0]`` mean the same; those with an index are sorted by it.
        """
        if name not in self._begun:
            return []
        return [*_values(name, self._query), *_values(name, self._body)]

    def words(self, name: str) -> list[str]:
        """Return a list of words, given one by one or with commas between them."""
        found: list[str] = []
        for value in self.every(name):
            if not isinstance(value, str) or _NUL in value:
                raise BadParam(f"{name} must be text", field=name)
            found += [word.strip() for word in value.split(",") if word.strip()]
        return list(dict.fromkeys(found))

    def results(self) -> list[bytes] | None:
        """Return each result as JSON text, None where there is no such parameter.

        Raises BadParam when one of them is not JSON, or its place none.
        """
        if "result" not in self._begun or not self._has_results():
            return None
        texts = [json_text("result", value) for value in _values("result", self._query)]
        for name, value in _of("result", self._body):
            # What comes in a JSON body is decoded already.
            values = value if isinstance(value, _Decoded) else None
            texts += (
                [json_text(name, value)] if values is None else [_encoded(v) for v in values.all]
            )
        if len(texts) > MOST_RESULTS:
            raise TooLarge(f"A job may have {MOST_RESULTS} results")
        return texts

    def _has_results(self) -> bool:
        """Tell whether there are results; raises BadParam for one that has no place."""
        names = [name for name, _ in (*self._query, *self._body) if name.startswith("result")]
        if any(name.startswith("result[") and not _is(name, "result") for name in names):
            raise BadParam("A result is named result[], or result[0] by its place", field="result")
        return any(_is(name, "result") for name in names)


class _Decoded:
    """The results of a JSON body."""

    __slots__ = ("all",)

    def __init__(self, value: Any) -> None:
        self.all = value if isinstance(value, list) else [value]


def given_by(call: Call) -> Given:
    """Return the parameters of a request; raises BadParam for a body that cannot be read."""
    query = _query(call)
    if not call.body:
        return Given(query, [])
    body = _body(call)
    if isinstance(body, list):
        return Given(query, body)
    return Given(query, members(body))


def array_given(call: Call) -> list[Given] | None:
    """Return the parameters of each object of a JSON array body, None for any other body."""
    if call.body.lstrip()[:1] != b"[":
        return None
    decoded = decode_json("The body", call.body)
    if not all(isinstance(each, dict) for each in decoded):
        raise BadParam("The body must be an array of objects")
    query = _query(call)
    return [Given(query, members(each)) for each in decoded]


def members(body: Mapping[str, Any]) -> Pairs:
    """Return the members of a JSON object as parameters."""
    pairs: Pairs = []
    for name, value in body.items():
        if value is None:
            continue
        if name == "result" or (name == "result[]" and isinstance(value, list)):
            pairs.append((name, _Decoded(value)))
        elif isinstance(value, list) and name in _LISTS:
            pairs += [(f"{name}[]", each) for each in value]
        else:
            pairs.append((name, value))
    return pairs


_LISTS: Final = frozenset({"beacon_name", "labels", "line", "lines"})
_JSON_TEXTS: Final = frozenset({"result", "tasks"})


def _query(call: Call) -> Pairs:
    return form(call.sent_query, "query string") if call.sent_query else []


def form(text: bytes, what: str) -> Pairs:
    """Return the pairs of a form or a query string; raises BadParam for too many.

    What is no UTF-8 is replaced; in JSON text it is kept, for that to be refused.
    """
    if found := _PLAIN.fullmatch(text):
        return [(found[1].decode(), found[2].decode())]
    parts = text.split(b"&")
    if len(parts) > MOST_PARAMETERS * 10:
        raise BadParam(f"The {what} has too many parameters")
    pairs = [part.partition(b"=") for part in parts if part]
    return [_readable(_unescaped(name), _unescaped(value)) for name, _, value in pairs]


def _unescaped(text: bytes) -> str:
    text = text.replace(b"+", b" ")
    if b"%" in text:
        text = unquote_to_bytes(text)
    return text.decode("utf-8", "surrogateescape")


def _readable(name: str, value: str) -> tuple[str, str]:
    if name.isascii() and (value.isascii() or name.partition("[")[0] in _JSON_TEXTS):
        return name, value
    return _replaced(name), _replaced(value)


def _replaced(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def json_text(name: str, value: Any) -> bytes:
    """Return JSON text as it was given; raises BadParam when it is not JSON.

    Numbers that not every store can compare are refused, as one would spoil all lists by result.
    """
    if not isinstance(value, str):
        return _encoded(value)
    text = value.encode("utf-8", "surrogateescape")
    decode_json(name, text)
    if _ODD_NUMBER.search(text) and _ODD_NUMBER.search(_STRING.sub(b"", text)):
        raise BadParam(f"{name} holds a number that is too long", field=name)
    return text


def decode_json(name: str, text: bytes) -> Any:
    """Return what JSON text says; raises BadParam."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadParam(f"{name} is not valid JSON: {error}", field=name) from error
    except RecursionError as error:
        raise BadParam(f"{name} is nested too deep", field=name) from error


def whole_number(name: str, text: str) -> int:
    """Return the whole number that a text says; raises BadParam."""
    if not _WHOLE.fullmatch(text):
        raise BadParam(f"{name} must be a whole number", field=name)
    return int(text)


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _values(name: str, pairs: Pairs) -> list[Any]:
    return [value for _, value in _of(name, pairs)]


def _of(name: str, pairs: Pairs) -> Pairs:
    """Return the pairs of a list in their order, those with an index sorted by it."""
    placed: list[tuple[int, tuple[str, Any]]] = []
    following = 0
    for pair in pairs:
        if not pair[0].startswith(name):
            continue
        found = _LISTED.fullmatch(pair[0])
        if pair[0] != name and (found is None or found[1] != name):
            continue
        place = int(found[2]) if found is not None and found[2] else following
        following = max(following, place + 1)
        placed.append((place, pair))
    return [pair for _, pair in sorted(placed, key=lambda each: each[0])]


def _is(given: str, name: str) -> bool:
    found = _LISTED.fullmatch(given)
    return given == name or (found is not None and found[1] == name)


def _body(call: Call) -> Mapping[str, Any] | Pairs:
    kind = call.headers.get("content-type", "")
    if kind.lower().startswith("multipart/form-data"):
        return _multipart(kind, call.body)
    # Many clients send JSON under the type of a form, which never begins like this.
    if "json" in kind.lower() or call.body.lstrip()[:1] == b"{":
        decoded = decode_json("The body", call.body)
        if not isinstance(decoded, dict):
            raise BadParam("The body must be a JSON object")
        return decoded
    return form(call.body, "body")


def _multipart(kind: str, body: bytes) -> Pairs:
    try:
        parts = multipart.all_parts(kind, body, MOST_PARAMETERS * 10)
    except Invalid as error:
        raise BadParam(error.message) from error
    return [_readable(each.name, each.content.decode("utf-8", "surrogateescape")) for each in parts]
