"""What a task came to, as the server is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

LONGEST_ERROR: Final = 2000
"""Characters of an error that are told."""


class TaskStatus(StrEnum):
    """How a task ended."""

    SUCCEEDED = "succeeded"  #: it did what it was to do
    FAILED = "failed"  #: it could not be done, or did not go well
    TIMED_OUT = "timed_out"  #: it took longer than it may
    CANCELED = "canceled"  #: the job was canceled, or the beacon stopped, while it ran
    SKIPPED = "skipped"  #: a task before it failed


class TaskResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One result for one task; what does not apply is left out.

    ``task`` counts from 1. ``exit_code`` is a command's (128 and its number for a signal),
    ``http_status`` a request's, ``value`` what a function returned. ``output`` is the end of what
    was written, all of which had ``output_bytes``.
    """

    task: int = 0
    name: str = ""
    kind: str = ""
    status: TaskStatus
    exit_code: int | None = None
    http_status: int | None = None
    value: Any = None
    error: str | None = None
    output: str = ""
    output_bytes: int = 0
    duration_ms: int | None = None

    @property
    def went_well(self) -> bool:
        """The task was done."""
        return self.status is TaskStatus.SUCCEEDED


def failed(error: str, status: TaskStatus = TaskStatus.FAILED) -> TaskResult:
    """Return the result of a task that did not go well, without its output."""
    return TaskResult(status=status, error=clean(error)[:LONGEST_ERROR])


def clean(text: str) -> str:
    """Return a text that any server can store: no NUL, no half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
