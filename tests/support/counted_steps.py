"""How much a database looks at to answer, told by the database itself and not by a clock."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from drover.store.statements import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INSTRUCTIONS = 10
"""SQLite tells of its work each time it has done so many instructions of its machine."""


class CountedSteps:
    """Reads of a transaction, of which ``steps`` counts rows (PostgreSQL) or instructions (SQLite)."""

    def __init__(self, tx: Any) -> None:
        self.steps = 0
        self.dialect = tx.dialect
        self._tx = tx
        self._texts = load(tx.dialect)

    async def fetch(self, statement: str, params: Mapping[str, object]) -> Sequence[Any]:
        """Return all rows of a named statement."""
        return await self.fetch_sql(self._texts[statement].sql, params)

    async def fetch_one(self, statement: str, params: Mapping[str, object]) -> Any:
        """Return the first row of a named statement, or None."""
        rows = await self.fetch(statement, params)
        return rows[0] if rows else None

    async def fetch_within(
        self, statement: str, params: Mapping[str, object], column: str, most_bytes: int
    ) -> Any:
        """Return the first rows of a named statement; counted is what all of them cost."""
        await self._explain(self._texts[statement].sql, params)
        with self._counting():
            return await self._tx.fetch_within(statement, params, column, most_bytes)

    async def fetch_sql(self, sql: str, params: Mapping[str, object]) -> Sequence[Any]:
        """Return all rows of SQL text."""
        await self._explain(sql, params)
        with self._counting():
            rows: Sequence[Any] = await self._tx.fetch_sql(sql, params)
            return rows

    async def _explain(self, sql: str, params: Mapping[str, object]) -> None:
        """Count what PostgreSQL says that a statement looks at."""
        if self.dialect == "postgres":
            told = await self._tx.fetch_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            self.steps += int(sum(_rows(json.loads(told[0][0])[0]["Plan"])))

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count what SQLite does meanwhile."""
        if self.dialect == "postgres":
            yield
            return
        connection = self._tx._connection  # only SQLite itself counts its steps
        connection.set_progress_handler(self._stepped, _INSTRUCTIONS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def _stepped(self) -> int:
        self.steps += _INSTRUCTIONS
        return 0


def _rows(plan: Mapping[str, Any]) -> Iterator[float]:
    """Yield how many rows each node of a plan looked at."""
    left_out = sum(count for name, count in plan.items() if name.startswith("Rows Removed by"))
    yield (plan["Actual Rows"] + left_out) * plan["Actual Loops"]
    for each in plan.get("Plans", ()):
        yield from _rows(each)
