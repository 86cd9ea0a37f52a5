"""One look at the revision for all requests that come at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.engine.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.access import Revisions


class SharedRevisions:
    """The revision of a store that each look is a trip to; see ``drover.ports.access.Revisions``.

    A look begins after it was asked for, so what was taken away before a request still counts.
    """

    def __init__(self, revisions: Revisions) -> None:
        self._revisions = revisions
        self._rounds: Rounds[None, int] = Rounds(self._look)

    async def current(self) -> int:
        """Return the number as of the last commit."""
        return await self._rounds.ask(None)

    def close(self) -> None:
        """Let go of what is held."""
        self._revisions.close()

    async def _look(self, asked: Sequence[None]) -> list[int]:
        return [await self._revisions.current()] * len(asked)
