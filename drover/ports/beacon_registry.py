"""The area of the store that says which workers take the jobs of beacons."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.beacons import Sight


class Beat(Struct, frozen=True, kw_only=True):
    """A sign of life of a worker; ``beat_ms`` is when it came, by the store's clock.

    What is None was not told this time, and is as it was told before.
    """

    owner_id: str
    user_number: int | None
    worker: str
    names: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    version: str | None = None
    draining: bool | None = None
    beat_ms: int = 0


class SeenWorker(Struct, frozen=True, kw_only=True):
    """A worker and what it told last; ``jobs`` are those in sight that it works on."""

    owner_id: str
    user_number: int | None
    worker: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    version: str
    draining: bool
    first_beat_ms: int
    last_beat_ms: int
    jobs: tuple[int, ...] = ()


class Queue(NamedTuple):
    """A beacon and how many jobs wait for it."""

    name: str
    queued: int


class BeaconRegistryArea(Protocol):
    """Workers and their signs of life."""

    async def note(self, beats: Sequence[Beat]) -> None:
        """Write signs of life, one for each worker."""
        ...

    async def trim(self, owner_id: str, most: int) -> None:
        """Forget those of an account that gave signs longest ago, beyond ``most``."""
        ...

    async def forget(self, before_ms: int) -> int:
        """Forget those that gave no sign since a moment; return how many."""
        ...

    async def page(
        self, sight: Sight, *, after: tuple[str, str], limit: int
    ) -> Sequence[SeenWorker]:
        """Return those of the accounts in sight, by account and name, from after one on."""
        ...

    async def queues(self, sight: Sight, most: int) -> Sequence[Queue]:
        """Count the jobs in sight that wait, by beacon; no more than ``most`` are looked at."""
        ...

    async def waiting(self, sight: Sight, name: str, limit: int) -> Sequence[int]:
        """Return the numbers of jobs that wait for a beacon, in the order they are taken in."""
        ...

    async def worked_on(self, sight: Sight, name: str, limit: int) -> Sequence[int]:
        """Return the numbers of jobs of a beacon that somebody works on."""
        ...
