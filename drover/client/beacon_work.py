"""Take jobs made of tasks from the server, and tell what becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.client.line import Line
from drover.client.task_records import BeaconJob, LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

JOBS: Final = "/api/jobs"


class Wanted(Struct, frozen=True, kw_only=True):
    """Which jobs a worker takes, and on what terms.

    ``names`` are beacon names; ``labels`` what the worker offers to jobs that ask for labels.
    ``wait_s`` is how long the server may take to find one, ``lease_s`` how long the worker may be
    silent before the job is handed on.
    """

    names: tuple[str, ...] = ("default",)
    labels: tuple[str, ...] = ()
    wait_s: int = 20
    lease_s: int | None = None


class Ending(Struct, frozen=True, kw_only=True):
    """How a job ended: one result for each task, in their order, and why it failed if it did."""

    results: list[Any] = []
    failed: bool = False
    error: str | None = None


class _Logged(Struct, frozen=True):
    """What of the answer to lines is heeded."""

    cancel_requested: bool = False


class BeaconWork(Line):
    """What a worker says to the server; ``worker`` is its unique name.

    A job's ``fence`` is sent along, so that a worker that has lost the job is refused. Every method
    raises ClientError when the server refuses (409 when the job is not the worker's any more) and
    ServerUnreachable when it is away.
    """

    def __init__(self, url: str, userkey: str, worker: str, version: str = "") -> None:
        super().__init__(url, userkey)
        self.worker = worker
        self.version = version

    def take_next(self, wanted: Wanted) -> BeaconJob | None:
        """Take the best job there is, or None when there was none within the time."""
        fields = {
            "beacon_name": list(wanted.names),
            "labels": ",".join(wanted.labels) or None,
            "wait": wanted.wait_s,
            "lease": wanted.lease_s,
            **self._self(),
        }
        shape: Any = BeaconJob | None
        taken: BeaconJob | None = self.post(shape, JOBS, "pickup", fields, wait_s=wanted.wait_s)
        return taken

    def pick_up(self, job_id: int, *, lease_s: int | None = None) -> BeaconJob:
        """Take one job by its id; asked again by the same worker, the answer is the same."""
        return self.post(
            BeaconJob, f"{JOBS}/{job_id}", "pickup", {"lease": lease_s, **self._self()}
        )

    def held(self) -> Sequence[BeaconJob]:
        """Return the jobs that were handed to this worker and not begun."""
        return self.get(
            list[BeaconJob], JOBS, action="list", worker=self.worker, status="picked_up"
        )

    def start(self, job: BeaconJob) -> BeaconJob:
        """Tell that the work on a job begins."""
        return self._tell(job, "start", {})

    def update(self, job: BeaconJob, cur_task: int) -> BeaconJob:
        """Tell the number, from 1, of the task now worked on; the lease is renewed."""
        return self._tell(job, "update", {"cur_task": cur_task})

    def heartbeat(self, job: BeaconJob, wait_s: int = 0) -> BeaconJob:
        """Renew the lease; ``cancel_requested`` of the answer says whether to stop.

        With ``wait_s`` (up to 60) the server may answer so much later, unless there is a cancel to
        tell of, which it tells at once.
        """
        return self._tell(job, "heartbeat", {"wait": wait_s or None}, wait_s=wait_s)

    def log(self, job: BeaconJob, lines: Sequence[LogLine]) -> bool:
        """Tell lines about a job; those whose number is taken are passed over.

        Returns whether the job is to stop.
        """
        fields = {"lines": msgspec.to_builtins(lines), **self._proof(job)}
        return self.post(_Logged, f"{JOBS}/{job.id}", "log", fields).cancel_requested

    def end(self, job: BeaconJob, ending: Ending) -> BeaconJob:
        """Tell how a job ended; it is final."""
        fields: dict[str, Any] = {"result": ending.results}
        if ending.failed:
            fields |= {"failed": True, "error": ending.error}
        return self._tell(job, "end", fields)

    def release(self, job: BeaconJob) -> BeaconJob:
        """Hand a job back, for others to take at once."""
        return self._tell(job, "release", {})

    def leave(self, names: Iterable[str]) -> None:
        """Tell that this worker takes no more jobs; what waits for one is answered at once."""
        fields = {"beacon_name": list(names), "state": "draining", **self._self()}
        self.post(object, JOBS, "heartbeat", fields)

    def _tell(
        self, job: BeaconJob, action: str, fields: dict[str, Any], *, wait_s: float = 0
    ) -> BeaconJob:
        told = {**fields, **self._proof(job)}
        return self.post(BeaconJob, f"{JOBS}/{job.id}", action, told, wait_s=wait_s)

    def _proof(self, job: BeaconJob) -> dict[str, Any]:
        return {"fence": job.fence, **self._self(), "worker": job.worker or self.worker}

    def _self(self) -> dict[str, Any]:
        return {"worker": self.worker, "version": self.version or None}
