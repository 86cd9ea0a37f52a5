"""Request bodies, right and wrong, made from the schemas that a server publishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

BROKEN: Final = {
    "no JSON": b"garbage",
    "cut off": b'{"name":',
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"1e400",
    "null": b"null",
    "not a number": b'{"name":NaN}',
    "infinity": b"-Infinity",
    "a number of 400 digits": b'{"name":1' + b"0" * 400 + b"}",
    "lists, 10,000 levels": b"[" * 10_000 + b"]" * 10_000,
    "objects, 10,000 levels": b'{"name":' * 10_000 + b"1" + b"}" * 10_000,
    "a deep unknown field": b'{"zz":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "lone surrogate": b'{"name":"\\ud800"}',
    "surrogates the wrong way round": b'{"name":"\\udc00\\ud800"}',
    "NUL": b'{"name":"a\\u0000b"}',
    "NUL in a name": b'{"na\\u0000me":"a"}',
    "raw NUL": b'{"name":"a\x00b"}',
    "no UTF-8": b'{"name":"\xff\xfe"}',
    "UTF-16": '{"name":"x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "an unknown field": b'{"zz":1}',
    "a prototype": b'{"__proto__":{"admin":true},"constructor":1}',
    "twice the same field": b'{"name":"a","name":{"$ne":1}}',
    "much after it": b'{"name":"x"} {}',
    "a thousand fields": b"{" + b",".join(b'"f%d":1' % n for n in range(1000)) + b"}",
    "form": b"name=x&scope=y",
    "XML": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
}
"""Bodies that are wrong for any operation that takes an object of known fields."""

WRONG_VALUES: Final = (
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"-1e308",
    b"1" + b"0" * 400,
    b"9223372036854775808",
    b"0.1",
    b'""',
    b'"\\ud800"',
    b'"a\\u0000b"',
    b'"' + b"x" * 70_000 + b'"',
    b'"{{#each a}}{{/if}}{{"',
    b"[]",
    b"[null]",
    b"[[[[]]]]",
    b"{}",
    b'{"$gt":""}',
    b'{"a":{"b":[{}]}}',
    b"[" * 900 + b"]" * 900,
    b'"\'; DROP TABLE device; --"',
    b'"\\ud83d\\ude00\\u202e"',
)
"""JSON values, as they are sent, of which each is wrong for most fields."""


KNOWN: Final = {"email": "someone@example.com"}
"""Values of fields whose form no schema tells."""


class Bodies:
    """Bodies for the schemas of one description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._components: dict[str, Schema] = description["components"]["schemas"]

    def fields(self, schema: Schema) -> dict[str, Schema]:
        """Return the fields of a body by their names."""
        return dict(self._plain(schema).get("properties", {}))

    def sample(self, schema: Schema) -> Any:
        """Return a small value that fits a schema."""
        plain = self._plain(schema)
        if "enum" in plain:
            return plain["enum"][0]
        if choices := plain.get("anyOf") or plain.get("oneOf"):
            return self.sample(choices[0])
        return _SAMPLES.get(plain.get("type", ""), _nothing)(self, plain)

    def object_sample(self, plain: Schema) -> dict[str, Any]:
        """Return an object with no more fields than it needs."""
        fields, names = plain.get("properties", {}), plain.get("required", [])
        return {name: KNOWN.get(name, self.sample(fields[name])) for name in names}

    def list_sample(self, plain: Schema) -> list[Any]:
        """Return a list with no more items than it needs."""
        return [self.sample(plain.get("items", {}))] * plain.get("minItems", 0)

    def wrong(self, schema: Schema) -> Iterator[tuple[str, bytes]]:
        """Yield bodies of which one field has a value of the wrong kind, each with its field."""
        fitting = self.sample(schema)
        for name in self.fields(schema):
            others = {key: value for key, value in fitting.items() if key != name}
            rest = json.dumps(others)[1:-1].encode()
            for value in WRONG_VALUES:
                pair = json.dumps(name).encode() + b":" + value
                yield name, b"{" + b",".join(part for part in (rest, pair) if part) + b"}"

    def random(self, schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
        """Return values that fit a schema, nearly fit it, or do not."""
        if depth > 3:
            return ANYTHING
        return st.one_of(self._fitting(self._plain(schema), depth), ANYTHING)

    def _fitting(self, plain: Schema, depth: int) -> st.SearchStrategy[Any]:
        if "enum" in plain:
            return st.sampled_from(plain["enum"])
        if choices := plain.get("anyOf") or plain.get("oneOf"):
            return st.one_of(*(self.random(each, depth + 1) for each in choices))
        match plain.get("type", ""):
            case "object":
                return self._objects(plain, depth)
            case "array":
                return st.lists(self.random(plain.get("items", {}), depth + 1), max_size=4)
            case scalar:
                return _SCALARS.get(scalar, ANYTHING)

    def _objects(self, plain: Schema, depth: int) -> st.SearchStrategy[Any]:
        fields = {
            name: self.random(each, depth + 1) for name, each in plain.get("properties", {}).items()
        }
        required = {name: fields.pop(name) for name in plain.get("required", []) if name in fields}
        known = st.fixed_dictionaries(required, optional=fields)
        more = st.dictionaries(TEXTS, ANYTHING, max_size=1 if plain.get("properties") else 4)
        return st.builds(lambda a, b: a | b, known, st.just({}) | more)

    def _plain(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._components[schema["$ref"].rsplit("/", 1)[1]]
        return schema


def _nothing(_bodies: Bodies, _plain: Schema) -> None:
    return None


def _text(_bodies: Bodies, plain: Schema) -> str:
    least = plain.get("minLength", 1)
    return "5f" * 12 if least <= 24 else "x" * least


_SAMPLES: Final[dict[str, Callable[[Bodies, Schema], Any]]] = {
    "object": Bodies.object_sample,
    "array": Bodies.list_sample,
    "string": _text,
    "integer": lambda _bodies, plain: plain.get("minimum", 1),
    "number": lambda _bodies, plain: plain.get("minimum", 1),
    "boolean": lambda _bodies, _plain: False,
}

TEXTS: Final = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "{{#each a}}",
            "{{",
            "{{a.b}}",
            '{"$and": [{}]}',
            '{"$or": 1}',
            "{{jsonEncode .}}",
            "5f" * 12,
            "../../etc/passwd",
            "2026-02-30T00:00:00Z",
            "9999999-01-01",
            "' OR 1=1 --",
            "=cmd|' /C calc'!A0",
            "http://169.254.169.254/",
            "\r\nSet-Cookie: a=b",
            "*" * 64,
            "(a+)+$",
        ]
    ),
)

ANYTHING: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.sampled_from([10**400, -(10**400), 1e308, 5e-324])
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON value."""

_SCALARS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "string": TEXTS,
    "integer": st.integers(-(2**70), 2**70) | st.integers(0, 100),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 100),
    "boolean": st.booleans(),
}
