"""A server of beacon jobs in memory, for agents under test: it can be away, refuse, and cancel."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from msgspec import structs

from drover.client import BeaconJob, ClientError, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drover.client import LogLine
    from drover.client.beacon_work import Ending, Wanted


class ScriptedWork:
    """Speaks as ``BeaconWork`` does; ``trouble`` may raise before any call is answered.

    An empty queue answers at once, or, with ``waits``, when ``leave`` was called.
    """

    def __init__(self, *tasks: list[Any], waits: bool = False) -> None:
        self.url = "http://127.0.0.1:1"
        self.worker = "w"
        self.jobs = {number: _new(number, each) for number, each in enumerate(tasks, 1)}
        self.calls: list[tuple[Any, ...]] = []
        self.lines: list[str] = []
        self.endings: dict[int, Ending] = {}
        self.trouble: Callable[[tuple[Any, ...]], None] = lambda _call: None
        self.waits = waits
        self.left = threading.Event()
        self.late: BeaconJob | None = None

    def close(self) -> None:
        """Nothing is open."""

    def take_next(self, wanted: Wanted) -> BeaconJob | None:
        self._called("take_next", wanted.names)
        for job in self.jobs.values():
            if job.status == "queued":
                return self._now(job.id, status="picked_up", worker=self.worker, fence=1)
        if self.waits:
            self.left.wait(60)
        return self.late

    def pick_up(self, job_id: int, *, lease_s: int | None = None) -> BeaconJob:
        self._called("pick_up", job_id)
        return self.jobs[job_id]

    def held(self) -> list[BeaconJob]:
        self._called("held")
        return [job for job in self.jobs.values() if job.status == "picked_up"]

    def start(self, job: BeaconJob) -> BeaconJob:
        self._called("start", job.id)
        return self._now(job.id, status="running")

    def update(self, job: BeaconJob, cur_task: int) -> BeaconJob:
        self._called("update", job.id, cur_task)
        return self._now(job.id, cur_task=cur_task)

    def heartbeat(self, job: BeaconJob, wait_s: int = 0) -> BeaconJob:
        self._called("heartbeat", job.id, wait_s)
        return self.jobs[job.id]

    def log(self, job: BeaconJob, lines: Iterable[LogLine]) -> bool:
        self._called("log", job.id)
        self.lines += [line.line for line in lines]
        return self.jobs[job.id].cancel_requested

    def end(self, job: BeaconJob, ending: Ending) -> BeaconJob:
        self._called("end", job.id, ending)
        self.endings[job.id] = ending
        return self._now(job.id, status="failed" if ending.failed else "complete", end_time=1)

    def release(self, job: BeaconJob) -> BeaconJob:
        self._called("release", job.id)
        return self._now(job.id, status="released", worker=None)

    def leave(self, names: Iterable[str]) -> None:
        self._called("leave", tuple(names))
        self.left.set()

    def cancel(self, job_id: int) -> None:
        self._now(job_id, cancel_requested=True)

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        self.trouble(call)

    def _now(self, job_id: int, **changes: Any) -> BeaconJob:
        self.jobs[job_id] = structs.replace(self.jobs[job_id], **changes)
        return self.jobs[job_id]


def away(*_: object) -> None:
    raise ServerUnreachable("nobody there")


def refusing(status: int, name: str) -> Callable[[tuple[Any, ...]], None]:
    def refuse(call: tuple[Any, ...]) -> None:
        if call[0] == name:
            raise ClientError(status, "refused", "no")

    return refuse


def _new(number: int, tasks: list[Any]) -> BeaconJob:
    return BeaconJob(
        id=number, name="job", status="queued", tasks=tasks, total_tasks=len(tasks), worker=None
    )
