"""The area of the store for replies that requests wait for, whichever server runs the workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Replies(Protocol):
    """Replies by their ids; each is given once, and read by the server that waits for it."""

    async def wait_for(self, application_id: str, reply_id: str, until_ms: int) -> None:
        """Note that a reply is waited for."""
        ...

    async def give(self, application_id: str, reply_id: str, document: bytes) -> bool:
        """Give a reply (JSON); False when nobody waits for it or it was given before."""
        ...

    async def given(self, reply_ids: Sequence[str]) -> dict[str, bytes]:
        """Return those of some replies that have been given."""
        ...

    async def clear(self, now_ms: int) -> None:
        """Forget all that nobody waits for any more."""
        ...
