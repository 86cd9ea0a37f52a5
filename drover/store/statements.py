"""Named SQL statements, loaded from the ``.sql`` files of this room.

``sql/common/*.sql`` is read first, then ``sql/<dialect>/*.sql``, whose statements replace common
ones of the same name. Each statement stands under two comment lines, its name and its purpose::

    -- name: device_by_id
    -- Read one device of an application.
    SELECT * FROM device WHERE application_id = :application_id AND id = :id;

Writing for both databases:

- A name that one dialect has, the other has too. What only one database needs is named for it:
  ``postgres_now_ms``.
- Parameters are ``:name``. PostgreSQL must be able to tell their types: where a parameter meets no
  column (``:filter IS NULL``), write ``CAST(:filter AS TEXT)``, which both databases understand.
- A list given as a parameter is a JSON text in SQLite and an array in PostgreSQL. So a batch of
  ids is ``SELECT value FROM json_each(:ids)`` in ``sqlite/`` and ``SELECT unnest(:ids::text[])``
  in ``postgres/``, and the caller passes the same Python list.
- A batch of rows is best passed as one JSON text: ``json_each(:rows)`` in ``sqlite/`` and
  ``jsonb_to_recordset(:rows::jsonb) AS row (id text, size bigint)`` in ``postgres/``.
- Booleans are INTEGER 0 and 1, times are milliseconds since 1970 in UTC, JSON documents are TEXT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

Dialect = Literal["sqlite", "postgres"]

_NAME: Final = re.compile(r"^-- name:(.*)$", re.MULTILINE)
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*")
# What may hold a colon without being a parameter comes first; the last branch is the parameter.
_TOKEN: Final = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.|'')*'          # PostgreSQL string with backslash escapes
    | '(?:[^']|'')*'                      # string
    | "(?:[^"]|"")*"                      # quoted identifier
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$     # dollar-quoted string
    | --[^\n]*                            # comment to the end of the line
    | /\*.*?\*/                           # comment in the middle
    | ::                                  # PostgreSQL cast
    | :=                                  # PostgreSQL named argument
    | :(?P<parameter>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


class BadStatement(ValueError):
    """A ``.sql`` file breaks the format, or a statement was called the wrong way."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement of one dialect."""

    name: str
    purpose: str
    sql: str
    source: str
    """Folder and file it came from."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its parameters, in order of first appearance."""
        return positional(self.sql)[1]


def sql_folder() -> Traversable:
    """Return the folder of the product's own ``.sql`` files."""
    return resources.files("drover.store").joinpath("sql")


def load(dialect: Dialect, folder: Traversable | None = None) -> Mapping[str, Statement]:
    """Return the statements of a dialect by name.

    Raises BadStatement for a missing purpose, a name used twice in one folder or stray text.
    """
    return _own(dialect) if folder is None else _in(folder, dialect)


@cache
def _own(dialect: Dialect) -> Mapping[str, Statement]:
    return MappingProxyType(_in(sql_folder(), dialect))


def _in(folder: Traversable, dialect: Dialect) -> dict[str, Statement]:
    return _read_folder(folder, "common") | _read_folder(folder, dialect)


@lru_cache(maxsize=4096)
def positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return the text with ``$1``, ``$2`` for ``:name``, and the names in that order."""
    order: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match["parameter"]
        if name is None:
            return match[0]
        return f"${order.setdefault(name, len(order) + 1)}"

    return _TOKEN.sub(number, sql), tuple(order)


def _read_folder(root: Traversable, name: str) -> dict[str, Statement]:
    folder = root.joinpath(name)
    if not folder.is_dir():
        return {}
    found: dict[str, Statement] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for statement in _read_file(file.read_text("utf-8"), f"{name}/{file.name}"):
            if statement.name in found:
                first = found[statement.name].source
                raise BadStatement(f"{statement.source}: {statement.name} is also in {first}")
            found[statement.name] = statement
    return found


def _read_file(text: str, source: str) -> Iterator[Statement]:
    parts = _NAME.split(text)
    if any(line.strip() and not line.startswith("--") for line in parts[0].splitlines()):
        raise BadStatement(f"{source}: text before the first '-- name:' line")
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        yield _statement(name.strip(), body, source)


def _statement(name: str, body: str, source: str) -> Statement:
    if not _IDENTIFIER.fullmatch(name):
        raise BadStatement(f"{source}: {name!r} is no statement name")
    header, _, sql = body.lstrip("\n").partition("\n")
    purpose = header.removeprefix("--").strip()
    if not header.startswith("--") or not purpose:
        raise BadStatement(f"{source}: {name} lacks its purpose line")
    sql = sql.strip().removesuffix(";").rstrip()
    if not sql:
        raise BadStatement(f"{source}: {name} is empty")
    return Statement(name=name, purpose=purpose, sql=sql, source=source)
