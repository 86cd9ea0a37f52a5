"""Which messages were stored already, of those that the broker hands over until they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drover.ports.jobs import Place
    from drover.ports.store import Session

KEEP_MS: Final = 600_000
"""For how long a place is remembered: a message comes again within some 30 s of that."""

EVERY_MS: Final = 5000
"""How often places are forgotten that are older."""

AT_A_TIME: Final = 20_000


class Places:
    """Remembers them in the store, with what they started.

    A server begins to forget when it has taken messages for as long as places are kept: before
    that, what it finds may be from before all servers were away, and so may messages that come.
    """

    def __init__(self) -> None:
        self._next_ms = 0

    async def new_at(self, session: Session, places: Iterable[Place]) -> set[Place]:
        """Remember places, and return those that were not known."""
        now_ms = await session.now_ms()
        firings = session.jobs.firings
        if not self._next_ms:
            self._next_ms = now_ms + KEEP_MS
        elif now_ms >= self._next_ms:
            self._next_ms = now_ms + EVERY_MS
            await firings.forget_places(now_ms - KEEP_MS, AT_A_TIME)
        return set(await firings.new_at(places, now_ms))
