"""Large objects (reports, exports, archives) as the rooms above see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator


class Blobs(Protocol):
    """Objects by key, each written once as a whole.

    A key is made of segments of letters, digits, dots, dashes and underscores with slashes between:
    ``reports/5f0c.../2026-01-31.csv``. Other keys raise ValueError.
    """

    async def put_stream(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store an object and return its size in bytes; replaces an older one of that key.

        Readers see the old object or the whole new one, never a part. When ``chunks`` raises,
        nothing of it is kept. Raises StoreFull, StoreLost.
        """
        ...

    def get_stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield an object's content in pieces. Raises Missing, StoreLost."""
        ...

    async def head(self, key: str) -> int | None:
        """Return an object's size in bytes, or None when there is no such object."""
        ...

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is fine."""

    async def clear(self, prefix: str) -> None:
        """Delete all objects whose keys are the prefix, a slash, and more. Raises StoreLost."""
        ...
