"""The area of the store that holds what devices report, are told, and when they come and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.query.tree import Node

MOST_BYTES: Final = 16_777_216
"""Bytes of values, or of lines of a log, that are brought into memory for one answer."""

LogTopic = Literal["command", "connection"]


class Reading(Struct, frozen=True, kw_only=True):
    """One attribute's value at one moment, and who passed it on."""

    device_id: str
    attribute: str
    time_ms: int
    value: Any
    relay_id: str | None = None
    relay_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Moments from ``start_ms`` to ``end_ms``, both included; at most ``limit`` of them.

    What was reported or told then is read up to ``most_bytes``.
    """

    start_ms: int
    end_ms: int
    limit: int = 1
    descending: bool = True
    most_bytes: int = MOST_BYTES


def up_to(end_ms: int) -> Span:
    """Return the span of all moments up to one: what is reported ahead of it does not count yet."""
    return Span(start_ms=0, end_ms=end_ms)


class LogEntry(Struct, frozen=True, kw_only=True):
    """One line of a device's log, as answers show it."""

    device_id: str
    topic: LogTopic
    id: str
    time_ms: int
    document: Mapping[str, Any]


class Reports(Protocol):
    """What devices report, are told, and when they come and go."""

    async def record(self, readings: Sequence[Reading]) -> None:
        """Store readings; one of the same device, attribute and moment replaces the earlier."""
        ...

    async def moments(
        self, device_id: str, span: Span, attributes: Sequence[str] | None = None
    ) -> Sequence[tuple[int, dict[str, Any]]]:
        """Return the moments at which a device reported some attributes, or any, and what.

        Raises TooLarge where that is more than ``span.most_bytes``.
        """
        ...

    async def first_moments(
        self, device_id: str, span: Span
    ) -> Sequence[tuple[int, dict[str, Any]]]:
        """Return moments at which a device reported and what, as far as ``span.most_bytes`` goes.

        There is at least one if the device reported at all; of one that is too large a part.
        """
        ...

    async def latest(
        self,
        device_ids: Sequence[str],
        span: Span,
        attributes: Sequence[str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Sequence[Reading]:
        """Return the newest value within a span of some attributes, or of each, of some devices.

        Raises TooLarge where it is more than ``most_bytes``.
        """
        ...

    async def forget(
        self, device_id: str, span: Span, attributes: Sequence[str] | None = None
    ) -> None:
        """Delete the values of a span, of some attributes or of all."""
        ...

    async def forget_log(self, device_id: str, topic: LogTopic, span: Span) -> None:
        """Delete the lines of a span from a device's log."""
        ...

    async def log(self, entries: Sequence[LogEntry]) -> None:
        """Write lines to logs of devices."""
        ...

    async def logged(self, device_id: str, topic: LogTopic, span: Span) -> Sequence[dict[str, Any]]:
        """Return the lines of a device's log, as far as ``span.most_bytes`` goes."""
        ...

    async def connected(self, device_id: str, time_ms: int, *, connected: bool) -> None:
        """Note that a device came or went."""
        ...

    async def names(
        self, application_id: str, what: Suggestion, query: Node, starts_with: str
    ) -> Sequence[str]:
        """Return names in use among matching devices that start so; case is ignored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Which names of devices are suggested: tag keys, the values of a key, attributes."""

    what: Literal["tagKeys", "tagValues", "attributeNames"]
    tag_key: str = ""
    data_types: tuple[str, ...] = ()
    limit: int = 1000
