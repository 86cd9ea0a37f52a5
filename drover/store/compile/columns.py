"""How each field of a query is reached in SQL.

SQL text in here comes from the store's own modules, never from a request. Names of members of a
JSON document are checked, since they are written into the SQL.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "_-")


@dataclass(frozen=True, slots=True)
class Plain:
    """A column or another expression in parentheses: dates in milliseconds, booleans 0 and 1.

    ``folded`` is the same text folded (see ``drover.query.fold``), where a column holds it.
    """

    sql: str
    folded: str | None = None


@dataclass(frozen=True, slots=True)
class JsonField:
    """A member of a JSON document, by path: dates as ISO text. The path is part of the SQL."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class JsonColumn:
    """A member of a JSON document named by a user; the name is passed as a parameter."""

    document: str
    name: str

    def __post_init__(self) -> None:
        check_path((self.name,))


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A member of a JSON document by a path that a user named; it is passed as a parameter."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class JsonEach:
    """A member of each object in a list, which is a JSON document; as in JsonPath."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The rows of a source found by what they hold, through an index, rather than one by one.

    The test becomes ``owner IN (SELECT element FROM source ...)``. Neither side may be NULL. The
    source may name a parameter that every statement about these rows binds::

        Lookup("device.id", "tag.device_id", "device_tag AS tag WHERE tag.application_id = :id")
    """

    owner: str
    element: str
    source: str


@dataclass(frozen=True, slots=True)
class Related:
    """Several values, one per row of another table.

    ``source`` is what follows FROM, up to and with a WHERE that ties it to the outer row:
    ``device_attribute AS attribute WHERE attribute.device_id = device.id``. The ``lookup``, where
    there is one, answers which rows have a given value.
    """

    source: str
    element: str
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True)
class JsonList:
    """Several texts, in a list within a JSON document."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class JsonElements:
    """Objects in a list within a JSON document."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class TagRows:
    """Tags in a table of their own; as in Related, the ``lookup`` answers for given keys."""

    source: str
    key: str
    value: str
    lookup: Lookup | None = None


@dataclass(frozen=True, slots=True)
class JsonTagMap:
    """Tags as one object within a JSON document; the path may be empty."""

    document: str
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True, slots=True)
class JsonTagList:
    """Tags as a list of objects with ``key`` and ``value`` within a JSON document."""

    document: str
    path: tuple[str, ...]

    def __post_init__(self) -> None:
        check_path(self.path)


Tags: TypeAlias = TagRows | JsonTagMap | JsonTagList
Column: TypeAlias = (
    Plain | JsonField | JsonColumn | JsonPath | JsonEach | Related | JsonList | JsonElements | Tags
)
ColumnMap: TypeAlias = Mapping[str, Column]
"""How each field of a kind is reached, by field name."""


def check_path(path: tuple[str, ...]) -> None:
    """Raise ValueError unless each name is letters, digits, ``_`` and ``-``."""
    for name in path:
        if not name or not _PLAIN.issuperset(name):
            raise ValueError(f"{name!r} cannot name a member of a document")
