"""SQLite's words for queries, and the functions that connections must be given for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec

from drover.query.fold import fold
from drover.query.glob import sqlite_glob
from drover.query.tree import Operator
from drover.store.compile.dialect import Kind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

_TEXT_TESTS: Final = {
    Operator.STARTS_WITH: "substr({0}, 1, length({1})) = {1}",
    Operator.ENDS_WITH: "substr({0}, length({0}) - length({1}) + 1) = {1}",
    Operator.CONTAINS: "instr({0}, {1}) > 0",
    Operator.GLOB: "{0} GLOB {1}",
}
_JSON_VALUES: Final = {
    Kind.TEXT: "CASE json_type({0}, {1}) WHEN 'text' THEN json_extract({0}, {1}) END",
    Kind.NUMBER: "CASE WHEN json_type({0}, {1}) IN ('integer', 'real')"
    " THEN CAST(json_extract({0}, {1}) AS REAL) END",
    Kind.INTEGER: "CASE WHEN json_type({0}, {1}) IN ('integer', 'real')"
    " THEN json_extract({0}, {1}) END",
    Kind.BOOLEAN: "CASE WHEN json_type({0}, {1}) IN ('true', 'false')"
    " THEN json_extract({0}, {1}) END",
}


def register_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the SQL functions ``casefold`` and ``json_canonical`` of our queries."""
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.create_function("json_canonical", 1, _canonical, deterministic=True)


def _casefold(value: str | bytes | float | None) -> str | bytes | float | None:
    return fold(value) if isinstance(value, str) else value


def _canonical(text: str | None) -> str | None:
    """Return JSON text in the one form that equal values share."""
    if text is None:
        return None
    return msgspec.json.encode(_VALUES.decode(text), order="deterministic").decode()


def _number(text: str) -> float:
    """Return a number written with a point or an exponent: 1.0 and 1e0 are 1."""
    value = float(text)
    return int(value) if value.is_integer() else value


_VALUES: Final = msgspec.json.Decoder(float_hook=_number)


class Sqlite:
    """SQLite 3.38 or later. JSON documents are text; lists are bound as JSON."""

    fold_parameters: Mapping[str, object] = {}

    def parameter(self, name: str, kind: Kind) -> str:  # noqa: ARG002 - SQLite values carry their type
        """Return the SQL of a named parameter."""
        return f":{name}"

    def member(self, value: str, name: str, kind: Kind) -> str:  # noqa: ARG002 - as above
        """Return the test that ``value`` is in the list bound as ``name``."""
        return f"{value} IN (SELECT value FROM json_each(:{name}))"  # noqa: S608 - made of SQL

    def bind_list(self, values: Sequence[object]) -> object:
        """Return a list as it is bound for ``member``."""
        return json.dumps(values)

    def fold(self, text: str) -> str:
        """Return the SQL of ``text`` folded."""
        return f"casefold({text})"

    def in_order(self, text: str) -> str:
        """Return ``text`` itself: comparisons go byte by byte, in UTF-8 thus by code point."""
        return text

    def text_test(self, operator: Operator, text: str, operand: str) -> str:
        """Return the test of a text operator."""
        return _TEXT_TESTS[operator].format(text, operand)

    def bind_glob(self, pattern: str) -> str:
        """Return a glob as it is bound for ``text_test``."""
        return sqlite_glob(pattern)

    def path_literal(self, path: tuple[str, ...]) -> str:
        """Return the SQL of a checked path."""
        return f"'{_path(path)}'"

    def path_parameter(self, name: str, path: tuple[str, ...]) -> tuple[str, object]:
        """Return the SQL of a path bound as ``name``, and its bound form."""
        return f":{name}", _path(path)

    def json_raw(self, document: str, path: str) -> str:
        """Return a member as text or number, NULL when it is null or absent."""
        return f"json_extract({document}, {path})"

    def json_value(self, document: str, path: str, kind: Kind) -> str:
        """Return a member if it is of ``kind``, else NULL."""
        return _JSON_VALUES[kind].format(document, path)

    def json_list(self, document: str, path: str, alias: str) -> tuple[str, str]:
        """Return a source of the texts in a list, and the expression of one."""
        return f"json_each({document}, {path}) AS {alias} WHERE TRUE", f"{alias}.value"

    def json_objects(self, document: str, path: str, alias: str) -> tuple[str, str]:
        """Return a source of the objects in a list, and the expression of one document."""
        return f"json_each({document}, {path}) AS {alias} WHERE {alias}.type = 'object'", (
            f"CASE {alias}.type WHEN 'object' THEN {alias}.value END"
        )

    def json_pairs(self, document: str, path: str, alias: str) -> tuple[str, str, str]:
        """Return a source of an object's members, and the expressions of key and value."""
        source, value = self.json_list(document, path, alias)
        return source, f"{alias}.key", value


def _path(path: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{name}"' for name in path)
