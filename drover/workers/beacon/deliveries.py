"""Hand in finished jobs until the server has accepted each, or refused it for good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import structs

from drover.client.errors import ClientError, ServerUnreachable
from drover.workers.beacon.aside import aside
from drover.workers.beacon.backoff import MOST_S, Backoff
from drover.workers.beacon.job_log import batches

if TYPE_CHECKING:
    from pathlib import Path

    from drover.client.beacon_work import BeaconWork, Ending
    from drover.client.task_records import BeaconJob
    from drover.workers.beacon.spool import Finished, Spool

_BAD: Final = 400
_CONFLICT: Final = 409
_TOO_LARGE: Final = 413
_FOR_GOOD: Final = frozenset({_BAD, 403, 404, _CONFLICT, _TOO_LARGE})
_WAITS_OF_A_LEASE: Final = 4
"""So many of the longest waits between two tries to hand in results are as long as a lease."""

_SHORT: Final = 500
"""Characters of an output that are kept where the whole was too large."""

_LOG = structlog.get_logger("drover.beacon")


class Deliveries:
    """What was finished and is not accepted yet: on disk, and on its way."""

    def __init__(self, work: BeaconWork, spool: Spool) -> None:
        self._work = work
        self._spool = spool
        self._under_way: dict[asyncio.Task[None], tuple[int, int | None]] = {}

    def hold(self, job: BeaconJob) -> bool:
        """Tell whether a job is among them, as it was handed out this time."""
        return (job.id, job.fence) in self._under_way.values()

    def begin(self) -> None:
        """Go on with what earlier agents left behind."""
        for path, finished in self._spool.waiting(self._work.url):
            self._send(path, finished)

    async def take(self, finished: Finished) -> None:
        """Keep a finished job and begin to hand it in."""
        path = await self._kept(finished)
        if path is None and finished.lines:  # the results count most
            path = await self._kept(structs.replace(finished, lines=[]))
        self._send(path, finished)

    async def _kept(self, finished: Finished) -> Path | None:
        try:
            return await aside(self._spool.put, finished)
        except OSError as error:  # the disk is full: the server may well take it all the same
            _LOG.error("spool_failed", job=finished.job.id, reason=str(error))
            return None

    async def finish(self, most_s: float) -> bool:
        """Wait until all is handed in, for some seconds; tell whether it is."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=most_s)
        left = len(self._under_way)
        for task in self._under_way:
            task.cancel()
        if left:
            _LOG.warning("results_left", count=left, folder=str(self._spool.folder))
        return not left

    def _send(self, path: Path | None, finished: Finished) -> None:
        task = asyncio.create_task(self._deliver(path, finished))
        self._under_way[task] = (finished.job.id, finished.job.fence)
        task.add_done_callback(self._under_way.pop)

    async def _deliver(self, path: Path | None, finished: Finished) -> None:
        backoff = Backoff(most_s=longest_wait_s(finished.job))
        while True:
            try:
                finished = await self._told_lines(finished)
                await aside(self._work.end, finished.job, finished.ending)
            except (ClientError, ServerUnreachable) as error:
                status = error.status if isinstance(error, ClientError) else 0
                smaller = acceptable(finished.ending, status)
                if smaller != finished.ending:
                    finished = structs.replace(finished, ending=smaller)
                elif status in _FOR_GOOD:
                    self._refused(path, finished, error)
                    return
                else:
                    await _pause(backoff, finished, error)
            else:
                self._accepted(path, finished)
                return

    async def _told_lines(self, finished: Finished) -> Finished:
        """Tell the lines that are left; refused, they keep no results back.

        Raises ServerUnreachable.
        """
        try:
            for batch in batches(finished.lines):
                await aside(self._work.log, finished.job, batch)
        except ClientError as error:
            _LOG.warning("lines_not_sent", job=finished.job.id, reason=str(error))
            return finished
        return structs.replace(finished, lines=[])

    def _accepted(self, path: Path | None, finished: Finished) -> None:
        _LOG.info("job_handed_in", job=finished.job.id, failed=finished.ending.failed)
        if path is not None:
            self._spool.remove(path)

    def _refused(self, path: Path | None, finished: Finished, error: Exception) -> None:
        if was_accepted(finished, error):  # the answer that said so was lost
            self._accepted(path, finished)
            return
        _LOG.error("result_refused", job=finished.job.id, reason=str(error))
        if path is not None:
            self._spool.set_aside(path, "refused")


def longest_wait_s(job: BeaconJob) -> float:
    """Return how long results may wait at the most until they are handed in again.

    A server that is back for as long as a lease is to hear of them before it hands the job on.
    Where it asks for a pause, that comes before, up to as long once more.
    """
    return min(MOST_S, job.lease / _WAITS_OF_A_LEASE) if job.lease else MOST_S


def was_accepted(finished: Finished, error: Exception) -> bool:
    """Tell whether a refusal shows the job ended by this very worker in this very attempt."""
    body = error.body if isinstance(error, ClientError) else None
    shown = body.get("job") if isinstance(body, dict) else None
    if not isinstance(shown, dict) or shown.get("end_time") is None:
        return False
    ours = (finished.job.worker, finished.job.fence)
    return ours == (shown.get("worker"), shown.get("fence"))


def acceptable(ending: Ending, status: int) -> Ending:
    """Return what may be accepted where an ending was refused; the same when nothing will help.

    A job whose results cannot be handed in fails: left alone it would be done again, to no end.
    """
    if status == _TOO_LARGE and (shorter := shortened(ending)) != ending:
        return shorter
    if status in (_TOO_LARGE, _BAD) and ending.results:
        told = f"the server refused the results ({status})"
        return structs.replace(ending, results=[], failed=True, error=ending.error or told)
    return ending


def shortened(ending: Ending) -> Ending:
    """Return an ending without most of what makes it large; it fails, since something is lost."""
    results = [_shortened(result) for result in ending.results]
    if results == ending.results:
        return ending
    return structs.replace(
        ending,
        results=results,
        failed=True,
        error=ending.error or "the results were too large for the server and were cut",
    )


def _shortened(result: Any) -> Any:
    if not isinstance(result, dict):
        return result
    kept = {name: value for name, value in result.items() if name != "value"}
    if len(kept.get("output", "")) > _SHORT:
        kept["output"] = kept["output"][-_SHORT:]
    return kept


async def _pause(backoff: Backoff, finished: Finished, error: Exception) -> None:
    wait_s = backoff.next_s(error.retry_after_s if isinstance(error, ClientError) else None)
    _LOG.warning("result_waits", job=finished.job.id, reason=str(error), seconds=round(wait_s, 1))
    await asyncio.sleep(wait_s)
