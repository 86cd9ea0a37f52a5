"""How much of everything somebody has: the counts shown beside an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.access.accounts import own_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.model.access import Caller
    from drover.ports.store import Session, Store


class Summaries:
    """Counts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_account(self, caller: Caller) -> Mapping[str, int]:
        """Return how many organisations and API tokens the caller has."""
        account_id = own_id(caller)

        async def work(session: Session) -> Mapping[str, int]:
            access = session.access
            return {
                "orgCount": len(await access.organizations.of_account(account_id)),
                "apiTokenCount": len(await access.tokens.of_owner("user", account_id)),
            }

        return await self._store.read(work)
