"""Exports of applications: a bundle made and kept, and the address to fetch it from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.transfer.export import nobody
from drover.app.transfer.sources import SMALL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drover.app.transfer.downloads import Downloads
    from drover.app.transfer.export import Exporter, Wish


class Exports:
    """Makes bundles to be fetched."""

    def __init__(self, exporter: Exporter, downloads: Downloads) -> None:
        self._exporter = exporter
        self._downloads = downloads

    async def is_small(self, application_id: str, wish: Wish) -> bool:
        """Tell whether a bundle is made in a moment; raises Missing."""
        return await self.size(application_id, wish) <= SMALL

    async def size(self, application_id: str, wish: Wish) -> int:
        """Return how many resources and rows a bundle would hold."""
        return await self._exporter.size(application_id, wish)

    async def run(
        self,
        application_id: str,
        wish: Wish,
        told: Callable[[int], Awaitable[None]] = nobody,
    ) -> str:
        """Make a bundle and return its address; ``told`` hears of parts. Raises Missing."""
        pieces = self._exporter.pieces(application_id, wish, told)
        return await self._downloads.keep(application_id, "applicationExport.zip", pieces)
