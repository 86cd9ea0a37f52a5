"""What differs between the databases when a query becomes SQL."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.query.tree import Operator


class Kind(Enum):
    """The SQL type of a parameter and of what it is compared with."""

    TEXT = "text"
    NUMBER = "double precision"
    INTEGER = "bigint"
    BOOLEAN = "boolean"


class Dialect(Protocol):
    """One database's words for what queries need.

    ``path`` is an SQL expression, made by ``path_literal`` or ``path_parameter``. A source is what
    follows FROM, up to and with a WHERE.
    """

    @property
    def fold_parameters(self) -> Mapping[str, object]:
        """Parameters that the SQL of ``fold`` names."""
        ...

    def parameter(self, name: str, kind: Kind) -> str:
        """Return the SQL of a named parameter."""
        ...

    def member(self, value: str, name: str, kind: Kind) -> str:
        """Return the test that ``value`` is in the list bound as ``name``."""
        ...

    def bind_list(self, values: Sequence[object]) -> object:
        """Return a list as it is bound for ``member``."""
        ...

    def fold(self, text: str) -> str:
        """Return the SQL of ``text`` folded."""
        ...

    def in_order(self, text: str) -> str:
        """Return ``text`` such that comparisons order it by code point."""
        ...

    def text_test(self, operator: Operator, text: str, operand: str) -> str:
        """Return the test of a text operator."""
        ...

    def bind_glob(self, pattern: str) -> str:
        """Return a glob as it is bound for ``text_test``."""
        ...

    def path_literal(self, path: tuple[str, ...]) -> str:
        """Return the SQL of a checked path."""
        ...

    def path_parameter(self, name: str, path: tuple[str, ...]) -> tuple[str, object]:
        """Return the SQL of a path bound as ``name``, and its bound form."""
        ...

    def json_raw(self, document: str, path: str) -> str:
        """Return a member as text or number, NULL when it is null or absent."""
        ...

    def json_value(self, document: str, path: str, kind: Kind) -> str:
        """Return a member if it is of ``kind``, else NULL."""
        ...

    def json_list(self, document: str, path: str, alias: str) -> tuple[str, str]:
        """Return a source of the texts in a list, and the expression of one."""
        ...

    def json_objects(self, document: str, path: str, alias: str) -> tuple[str, str]:
        """Return a source of the objects in a list, and the expression of one document."""
        ...

    def json_pairs(self, document: str, path: str, alias: str) -> tuple[str, str, str]:
        """Return a source of an object's members, and the expressions of key and value."""
        ...
