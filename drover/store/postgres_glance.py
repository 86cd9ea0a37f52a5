"""Reads of one statement on PostgreSQL, which need no transaction around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from drover.store.postgres_transaction import Positional, PostgresTransaction

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRITES: Final = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|SHARE|nextval|set_config)\b", re.IGNORECASE
)
_READS: Final = frozenset({"fetch", "fetchrow", "fetchmany"})
_REMEMBERED: Final = 10_000


class WantsTransaction(BaseException):
    """A read is more than one plain statement; it is run again within a transaction.

    Not an Exception, so that work which catches its own failures lets it pass.
    """


class Glances:
    """Which first statements have been all there was to a read, as far as is known."""

    def __init__(self) -> None:
        self._allowed: dict[str, bool] = {}

    def allow(self, sql: str) -> bool:
        """Tell whether a read that begins with this statement may go without a transaction."""
        allowed = self._allowed.get(sql)
        if allowed is None:
            if len(self._allowed) >= _REMEMBERED:
                self._allowed.clear()
            allowed = self._allowed[sql] = _WRITES.search(sql) is None
        return allowed

    def forbid(self, sql: str) -> None:
        """Note that a read began with this statement and went on."""
        self._allowed[sql] = False


class Glance(PostgresTransaction):
    """The first statement of a read, without a transaction. Raises WantsTransaction at the next."""

    __slots__ = ("_first", "_glances")

    def __init__(
        self, connection: Any, statements: Mapping[str, Positional], glances: Glances
    ) -> None:
        super().__init__(connection, statements)
        self._glances = glances
        self._first: str | None = None

    async def _call(self, method: str, *values: Any, **options: Any) -> Any:
        if self._first is not None and not self._over:
            self._glances.forbid(self._first)
            raise WantsTransaction
        if method not in _READS or not self._glances.allow(values[0]):
            raise WantsTransaction
        self._first = values[0]
        return await super()._call(method, *values, **options)
