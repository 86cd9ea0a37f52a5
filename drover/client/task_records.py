"""What the server tells about jobs made of tasks; moments are whole seconds since 1970 in UTC."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class BeaconJob(Struct, frozen=True, kw_only=True):
    """A job made of tasks, as the server shows it.

    ``status`` is new, queued, picked_up, running, complete, failed, canceled or, for a template,
    scheduled. ``tasks`` is None where a list leaves it out. ``fence`` rises whenever the job
    changes hands: it proves that the job is still whose it was.
    """

    id: int
    name: str
    status: str
    beacon_name: str = "default"
    user: int | None = None
    user_guid: str | None = None
    cur_task: int = 0
    total_tasks: int = 0
    tasks: list[Any] | None = None
    add_time: int | None = None
    q_time: int | None = None
    pickup_time: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    result: list[Any] = []
    error: str | None = None
    duplicate_of: int | None = None
    scheduled: bool = False
    schedule_active: bool | None = None
    cancel_requested: bool = False
    priority: int = 0
    attempts: int = 0
    worker: str | None = None
    lease: int | None = None
    lease_until: int | None = None
    unique_key: str | None = None
    fence: int | None = None

    @property
    def ended(self) -> bool:
        """Nothing can follow."""
        return self.status in ("complete", "failed", "canceled")


class Schedule(Struct, frozen=True, kw_only=True):
    """A template that adds a new job whenever it is due."""

    id: int
    name: str
    active: bool
    scheduled_job_id: int
    next_run: int | None = None
    last_run: int | None = None


class LogLine(Struct, frozen=True, kw_only=True):
    """One line a beacon told about a job, with its number and moment."""

    seq: int
    line: str
    time: int | None = None


class SeenBeacon(Struct, frozen=True, kw_only=True):
    """A worker that takes jobs: what it told last, and whether it still gives signs of life.

    ``status`` is alive, draining or lost; ``jobs`` are the ids of what it works on.
    """

    worker: str
    status: str
    names: list[str]
    labels: list[str] = []
    version: str = ""
    jobs: list[int] = []
    first_beat: int | None = None
    last_beat: int | None = None
    user: int | None = None
    paused: list[str] = []
