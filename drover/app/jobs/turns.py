"""Turns at costly work: few at once, and for each application only so many that wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from drover.model.errors import TooMany

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Turns:
    """Lets ``at_once`` in at the same time, and ``most`` of one application run or wait."""

    def __init__(self, what: str, *, at_once: int, most: int) -> None:
        self._what = what
        self._most = most
        self._gate = asyncio.Semaphore(at_once)
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def take(self, application_id: str) -> AsyncIterator[None]:
        """Hold a turn for the block, once it has come; raises TooMany."""
        if self._inside[application_id] >= self._most:
            raise TooMany(f"Too many {self._what} of this application are under way")
        self._inside[application_id] += 1
        try:
            async with self._gate:
                yield
        finally:
            self._inside[application_id] -= 1
            if not self._inside[application_id]:
                del self._inside[application_id]
