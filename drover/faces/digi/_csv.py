"""Jobs as a table of comma-separated values (RFC 4180), in pieces."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from drover.model.inventory import Inventoried

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

CSV: Final = "text/csv;charset=UTF-8"
"""The media type."""

DEFAULT_COLUMNS: Final = tuple(name for name in Inventoried.__struct_fields__ if name != "targets")
"""The columns of a table that names none."""


async def table(lines: AsyncGenerator[str, None], columns: Sequence[str]) -> AsyncIterator[bytes]:
    """Yield a table in pieces, the header first."""
    yield (",".join(columns) + "\r\n").encode()
    async with aclosing(lines):
        async for piece in lines:
            if piece:
                yield piece.encode()
