"""The area of the store that knows how much moved, and how many devices there were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Payloads of one category that came from one source in one hour, which begins at ``hour_ms``.

    A source is who and how: ``device.mqtt``.
    """

    application_id: str
    hour_ms: int
    category: str
    source: str
    payloads: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """All payloads of one category and source, or of one bucket of time."""

    category: str
    source: str
    bucket_ms: int
    payloads: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """How many devices were made and deleted on each day, and how many there were before."""

    before: int
    created: dict[int, int]
    deleted: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCall:
    """Calls of an application's own interface in one hour that were answered alike."""

    application_id: str
    endpoint_id: str
    version: str
    domain: str
    status: int
    hour_ms: int = 0
    calls: int = 1


class Stored(NamedTuple):
    """How many files there are, and how many bytes they have."""

    files: int
    bytes: int


class Counts(Protocol):
    """Counts of payloads by hour, of devices by day, of files; times are UTC milliseconds."""

    async def add(self, moved: Sequence[Moved]) -> None:
        """Add to what was counted."""
        ...

    async def totals(
        self, application_ids: Sequence[str], start_ms: int, end_ms: int, bucket_ms: int
    ) -> Sequence[Total]:
        """Return what moved in the hours that begin within ``start_ms..end_ms``.

        It is added up by category, source and bucket of ``bucket_ms``, 0 for one bucket of all.
        """
        ...

    async def of_device(
        self, device_id: str, start_ms: int, end_ms: int, bucket_ms: int
    ) -> Sequence[Total]:
        """Return what one device sent and was told within ``start_ms..end_ms``.

        It is read off what is kept of the device, without sources and sizes.
        """
        ...

    async def devices(self, application_ids: Sequence[str], start_ms: int, end_ms: int) -> Days:
        """Return the comings and goings of devices by the first millisecond of each day."""
        ...

    async def forget(self, before_ms: int) -> None:
        """Delete counts of hours before a moment."""
        ...

    async def add_calls(self, calls: Sequence[EndpointCall]) -> None:
        """Add to how often interfaces were called."""
        ...

    async def calls(
        self, application_id: str, start_ms: int, end_ms: int
    ) -> Sequence[EndpointCall]:
        """Return the calls of the hours that begin within ``start_ms..end_ms``, by hour."""
        ...

    async def forget_calls(self, before_ms: int) -> None:
        """Delete counts of calls of hours before a moment."""
        ...

    async def files(self, application_id: str, kinds: Sequence[str]) -> Stored:
        """Return how many files of these kinds an application has, without directories."""
        ...
