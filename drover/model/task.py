"""Long work on an application as it is asked for, noted while it runs, and told of afterwards.

A long task is an execution like any other; this is what it has beside that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from drover.model.run import Actor, Execution

ASIDE: Final = "Failed"
"""The name of an error that is nobody's who asked: the server gave the task up."""


class LogStatus(StrEnum):
    """Where a task stands, in the words of job logs (Losant-compatible behaviour, section 8)."""

    QUEUED = "queued"
    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    ERRORED = "errored"  #: refused, impossible, or canceled: asking differently may help
    FAILED = "failed"  #: the server gave it up


class NewTask(Struct, frozen=True, kw_only=True):
    """What is stored when a long task is asked for.

    ``kind`` is its word in the inventory, ``name`` that in job logs. ``input`` is shown and given
    to the task. ``resource_type`` and ``resource_id`` say what it is about. ``emails`` and
    ``callback_url`` are told of its end.
    """

    id: str
    kind: str
    name: str
    application_id: str | None = None
    owner_id: str | None = None
    resource_type: str = "application"
    resource_id: str | None = None
    input: Mapping[str, Any] = MappingProxyType({})
    source: Actor | None = None
    unique_key: str | None = None
    emails: tuple[str, ...] = ()
    callback_url: str | None = None
    total: int = 0


class Advance(Struct, frozen=True, kw_only=True):
    """How far a task has come; an UNSET checkpoint stays as it is."""

    done: int
    total: int
    note: str = ""
    checkpoint: bytes | UnsetType = UNSET


class Ending(Struct, frozen=True, kw_only=True):
    """How a task ended: an output, or the name and the message of an error, which may have one too.

    ``report_key`` is the large object that belongs to it and is deleted with it.
    """

    output: Mapping[str, Any] | None = None
    error_name: str | None = None
    message: str | None = None
    report_key: str | None = None


class TaskLog(Struct, frozen=True, kw_only=True):
    """A long task as job logs show it."""

    execution: Execution
    status: LogStatus
    resource_type: str
    resource_id: str | None
    note: str
    error_name: str | None
    emails: tuple[str, ...]
    callback_url: str | None
