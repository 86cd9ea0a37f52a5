"""How an execution of any kind is told in the inventory of all jobs: words, counts, source.

Digi-compatible behaviour, section 4. Every kind of execution goes through the same tables, so a
new kind is shown with no change here unless its name is to be filed under another source.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from drover.model.execution import State

if TYPE_CHECKING:
    from collections.abc import Mapping

NEW: Final = "new"
IN_PROGRESS: Final = "in_progress"
COMPLETE: Final = "complete"
FAILED: Final = "failed"
CANCELED: Final = "canceled"

JOB_STATUSES: Final = (NEW, IN_PROGRESS, COMPLETE, FAILED, CANCELED)
"""The words for where a job stands."""

JOB_STATUS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.NEW: NEW,
        State.QUEUED: NEW,
        State.RUNNING: IN_PROGRESS,
        State.PAUSED: IN_PROGRESS,
        State.FAILING: IN_PROGRESS,
        State.CANCELING: IN_PROGRESS,
        State.SUCCEEDED: COMPLETE,
        State.FAILED: FAILED,
        State.CANCELED: CANCELED,
    }
)
"""The word for each state; one that succeeded with no target but failed ones has failed."""

SOURCES: Final = ("digi", "resource_job", "application", "beacon")
"""Where jobs come from."""


class Inventoried(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job as the inventory shows it; what is not known is left out.

    Times are milliseconds since the epoch. ``targets`` are ids of devices.
    """

    id: int
    job_type: str
    status: str
    username: str | None = None
    customer_id: int | None = None
    job_name: str | None = None
    job_description: str | None = None
    submit_time: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    target_count: int
    success_count: int
    failure_count: int
    canceled_count: int
    progress_percent: int
    cancel_requested: bool
    error_message: str | None = None
    source: str
    source_id: str
    targets: tuple[str, ...] | None = None


DIGI_OPERATIONS: Final = (
    "send_message",
    "update_firmware",
    "disconnect",
    "query_firmware_targets",
    "file_system",
    "data_service",
    "reboot",
)
"""The kinds of executions that are operations on devices."""

BULK_CANCEL: Final = "bulk_cancel"
BULK_DELETE: Final = "bulk_delete"
BULK_DISCARD: Final = "bulk_cancel_and_delete"
BULK: Final[Mapping[str, str]] = MappingProxyType(
    {
        BULK_CANCEL: "Cancel every job that matches",
        BULK_DELETE: "Delete every job that matches and has ended",
        BULK_DISCARD: "Cancel and delete every job that matches",
    }
)
"""The kinds of executions that change many other ones, and what each is called."""


class BulkAsked(Struct, frozen=True, kw_only=True):
    """What such an execution does, to the jobs asked for before it.

    ``applications`` (None: all there are) and ``account_id`` say whose jobs its asker may change;
    relative times of the ``query`` count from ``asked_ms``.
    """

    query: str
    asked_ms: int
    applications: tuple[str, ...] | None = None
    account_id: str | None = None
