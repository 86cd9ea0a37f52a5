"""Operations that change many jobs, in one transaction; see ``drover.ports.inventory.BulkWork``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.errors import Missing
from drover.model.inventory import BULK
from drover.store.jobs.rows import execution_of

if TYPE_CHECKING:
    from drover.model.run import Execution
    from drover.ports.inventory import Step
    from drover.store.driver import Transaction


class BulkArea:
    """Bulk operations and who goes on with each."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def take(self, number: int, worker: str, until_ms: int) -> Execution:
        """Take one that was just stored; raises Missing."""
        params = {"number": number, "worker": worker, "until_ms": until_ms}
        row = await self._tx.fetch_one("bulk_take", params)
        if row is None:
            raise Missing("Operation was not found")
        return execution_of(row)

    async def take_left(self, worker: str, now_ms: int, until_ms: int) -> Execution | None:
        """Take one whose worker fell silent; None when there is none."""
        found = await self._tx.fetch_one("bulk_left", {"kinds": list(BULK), "now_ms": now_ms})
        return None if found is None else await self.take(found["number"], worker, until_ms)

    async def note(self, number: int, step: Step, until_ms: int) -> None:
        """Note what was done, and hold the lease until then."""
        await self._tx.execute(
            "bulk_note",
            {
                "number": number,
                "upto": str(step.upto),
                "done": step.done,
                "refused": step.refused,
                "until_ms": until_ms,
            },
        )

    async def leave(self, number: int, fence: int) -> None:
        """Let another worker take it at once, if the fence still stands."""
        await self._tx.execute("bulk_leave", {"number": number, "fence": fence})
