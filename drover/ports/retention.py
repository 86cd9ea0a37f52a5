"""The area of the store that deletes what is past its time, some of it at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

Topic = Literal[
    "executions",
    "run_counts",
    "run_errors",
    "debug_messages",
    "states_of_deleted",
    "deleted_devices",
    "device_log",
    "audit_log",
]
"""What is deleted by its age; an execution's is counted from its end, a deleted device's from then.

The states of deleted devices go before the devices themselves, so that no unit of work is large.
"""


class GoneExecution(Struct, frozen=True, kw_only=True):
    """An execution that was deleted, and the key of the report it left behind, if any."""

    number: int
    report_key: str | None


class Retention(Protocol):
    """Deletes the oldest first; every method touches at most ``limit`` rows."""

    async def retire(self, topic: Topic, before_ms: int, limit: int) -> int:
        """Delete what is older than a moment; return how much."""
        ...

    async def gone(self, limit: int) -> Sequence[GoneExecution]:
        """Return executions that were deleted, for whatever reason, and have left something."""
        ...

    async def clear_items(self, number: int, limit: int) -> int:
        """Delete items of an execution that is gone; return how many."""
        ...

    async def forget(self, number: int) -> None:
        """Note that nothing is left of an execution that is gone."""
        ...
