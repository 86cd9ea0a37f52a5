"""What is past its time, in the store: see ``drover.ports.retention``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.ports.retention import GoneExecution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.retention import Topic
    from drover.store.driver import Transaction


class RetentionTables:
    """Deletes the oldest first."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def retire(self, topic: Topic, before_ms: int, limit: int) -> int:
        """Delete what is older than a moment; return how much."""
        params = {"before_ms": before_ms, "limit": limit}
        return await self._tx.execute(f"retire_{topic}", params)

    async def gone(self, limit: int) -> Sequence[GoneExecution]:
        """Return executions that were deleted and have left something."""
        rows = await self._tx.fetch("gone_executions", {"limit": limit})
        return [GoneExecution(number=row["number"], report_key=row["report_key"]) for row in rows]

    async def clear_items(self, number: int, limit: int) -> int:
        """Delete items of an execution that is gone; return how many."""
        return await self._tx.execute("clear_gone_items", {"number": number, "limit": limit})

    async def forget(self, number: int) -> None:
        """Note that nothing is left of an execution that is gone."""
        await self._tx.execute("forget_gone", {"number": number})
