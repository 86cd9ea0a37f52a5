"""What users did lately, in the store: see ``drover.ports.access.Traces``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Transaction

KEPT_STEPS: Final = 10
"""Steps for which a used code is remembered: more than the drift that is allowed."""


class TraceTables:
    """Used codes, and what was looked at."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def use_code(self, account_id: str, step: int) -> bool:
        """Note that the code of a step was used; False when it was before."""
        oldest = {"account_id": account_id, "step": step - KEPT_STEPS}
        await self._tx.execute("forget_codes", oldest)
        params = {"account_id": account_id, "step": step}
        return await self._tx.execute("use_code", params) > 0

    async def see(
        self, account_id: str, item_type: str, parent_id: str, item_id: str, *, most: int
    ) -> None:
        """Note that something was looked at, and forget what is beyond ``most``."""
        place = {"account_id": account_id, "item_type": item_type, "parent_id": parent_id}
        await self._tx.execute("see_item", {**place, "item_id": item_id})
        await self._tx.execute("forget_items", {**place, "kept": most})

    async def seen(self, account_id: str, item_type: str, parent_id: str) -> Sequence[str]:
        """Return the ids of what was looked at, newest first."""
        place = {"account_id": account_id, "item_type": item_type, "parent_id": parent_id}
        return [row["item_id"] for row in await self._tx.fetch("recent_items", place)]
