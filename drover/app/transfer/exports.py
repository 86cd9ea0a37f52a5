"""Exports of applications: a bundle made and kept, and the address to fetch it from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from drover.app.transfer.downloads import Downloads
    from drover.app.transfer.export import Exporter, Wish

SMALL: Final = 10_000
"""Resources and rows that are exported while the caller waits."""


class Exports:
    """Makes bundles to be fetched."""

    def __init__(self, exporter: Exporter, downloads: Downloads) -> None:
        self._exporter = exporter
        self._downloads = downloads

    async def is_small(self, application_id: str, wish: Wish) -> bool:
        """Tell whether a bundle is made in a moment; raises Missing."""
        return await self._exporter.size(application_id, wish) <= SMALL

    async def run(self, application_id: str, wish: Wish) -> str:
        """Make a bundle and return its address; raises Missing."""
        pieces = self._exporter.pieces(application_id, wish)
        return await self._downloads.keep(application_id, "applicationExport.zip", pieces)
