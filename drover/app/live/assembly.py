"""Live devices, put together for a server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drover.app.live.door import LiveDoor
from drover.app.live.inbox import Inbox
from drover.app.live.intake import LiveIntake
from drover.app.live.presence import PresenceBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.app.access.assembly import AccessServices
    from drover.app.assembly import Library, Surroundings
    from drover.app.live.pace import Pace


@dataclass(frozen=True, kw_only=True)
class LiveServices:
    """The use cases around live devices."""

    door: LiveDoor
    inbox: Inbox
    book: PresenceBook
    intake: LiveIntake
    pace: Pace

    def start(self) -> None:
        """Begin to take what devices say."""
        self.inbox.start()
        self.book.start()

    async def close(self) -> None:
        """Store what was said, and end."""
        await asyncio.gather(self.inbox.close(), self.book.close())


def build(
    around: Surroundings, shelf: Library, doors: AccessServices, roots: Sequence[str]
) -> LiveServices:
    """Return the use cases; ``roots`` are first levels of topics that devices share."""
    store, pace = around.store, shelf.publishing.pace
    inbox = Inbox(store, shelf.reports)
    book = PresenceBook(store, shelf.reports)
    return LiveServices(
        door=LiveDoor(doors.devices, store, roots, pace),
        inbox=inbox,
        book=book,
        pace=pace,
        intake=LiveIntake(store, doors.revisions, inbox, book, pace),
    )
