"""Agents as processes of their own, and what tests want to know of the jobs they do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drover.client import ClientError, NewJob, TaskJobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drover.client import BeaconJob

WAIT_S: Final = 60.0
QUICK: Final = {"--beat": "0.3", "--wait": "1", "--lease": "10"}


class AgentProcess:
    """A running ``drover beacon``; ``log`` is what it wrote to standard error so far."""

    def __init__(self, url: str, userkey: str, spool: Path, *words: str) -> None:
        self.spool = spool
        spool.parent.mkdir(exist_ok=True)
        self._log = spool.parent / f"{spool.name}.log"
        environ = {name: each for name, each in os.environ.items() if "DROVER" not in name}
        with self._log.open("wb") as log:
            quick = (word for pair in QUICK.items() if pair[0] not in words for word in pair)
            given = ("--url", url, "--spool", str(spool), *quick, *words)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "drover.main", "beacon", *given],
                env={**environ, "DROVER_USERKEY": userkey},
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def end(self, signal_number: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(signal_number)
        return self.process.wait(WAIT_S)


@contextmanager
def agent(url: str, userkey: str, spool: Path, *words: str) -> Iterator[AgentProcess]:
    """A beacon's agent for as long as a test needs it; killed afterwards."""
    running = AgentProcess(url, userkey, spool, *words)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(WAIT_S)


class Jobs(TaskJobs):
    """Jobs of a user, and waiting for what becomes of them."""

    def add(self, *tasks: Any, beacon: str = "default", **more: Any) -> int:
        """Queue a job and return its number."""
        made = self.create(NewJob(name="job", tasks=list(tasks), beacon_name=beacon, **more))
        return made.id

    def when(self, job_id: int, true: Callable[[BeaconJob], bool], wait_s: float = WAIT_S) -> Any:
        """Return a job once something is true of it."""
        return until(lambda: found if true(found := self.show(job_id)) else None, wait_s)

    def ended(self, job_id: int) -> BeaconJob:
        """Return a job once it has ended."""
        job: BeaconJob = self.when(job_id, lambda job: job.ended)
        return job

    def lines(self, job_id: int) -> list[str]:
        """Return what is in a job's log."""
        return [line.line for line in self.log(job_id)]

    def pids(self, job_id: int, count: int) -> list[int]:
        """Return process ids that a command told in its first lines."""
        lines = until(lambda: all_ if len(all_ := self.lines(job_id)) >= count else None)
        return [int(line) for line in lines[:count]]


def until(look: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """Return what ``look`` finds as soon as it finds something; fails when it never does."""
    end_s = time.monotonic() + wait_s
    while time.monotonic() < end_s:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {wait_s} s")


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has cleared away does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def refusal(call: Callable[[], object]) -> ClientError:
    """Return the refusal of a call that must be refused."""
    try:
        call()
    except ClientError as error:
        return error
    raise AssertionError("it was not refused")
