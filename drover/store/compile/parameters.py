"""The parameters of one condition: what is bound under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.store.compile.columns import check_path
from drover.store.compile.dialect import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.compile.dialect import Dialect


class Parameters:
    """Values bound so far, by name; each method binds and returns the SQL that stands for it."""

    def __init__(self, dialect: Dialect, prefix: str) -> None:
        self.dialect = dialect
        self._prefix = prefix
        self.bound: dict[str, object] = {}

    def value(self, value: str | float) -> str:
        """Bind one value."""
        return self.dialect.parameter(self._named(value), kind_of(value))

    def membership(self, text: str, values: Sequence[str | float]) -> str:
        """Bind a list, of one type or empty; return the test that ``text`` is in it."""
        kind = kind_of(values[0]) if values else Kind.TEXT
        return self.dialect.member(text, self._named(self.dialect.bind_list(values)), kind)

    def path(self, path: tuple[str, ...]) -> str:
        """Bind a path into a JSON document; raises ValueError for a name that is not plain."""
        check_path(path)
        name = self._named(None)
        sql, self.bound[name] = self.dialect.path_parameter(name, path)
        return sql

    def folded(self, text: str) -> str:
        """Return the SQL of ``text`` folded, with what it needs bound."""
        self.bound.update(self.dialect.fold_parameters)
        return self.dialect.fold(text)

    def _named(self, value: object) -> str:
        name = f"{self._prefix}{len(self.bound)}"
        self.bound[name] = value
        return name


def kind_of(value: str | float) -> Kind:
    """Return the SQL type of a bound value."""
    if isinstance(value, bool):
        return Kind.BOOLEAN
    if isinstance(value, int):
        return Kind.INTEGER
    return Kind.NUMBER if isinstance(value, float) else Kind.TEXT
