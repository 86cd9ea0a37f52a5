"""Do the jobs made of tasks that a server hands out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from drover.cli import _session
from drover.client.beacon_work import Wanted
from drover.plugins import load

GROUP = App(name="beacon", help="Take the jobs of beacons, do them, hand in their results.")


@GROUP.default
def beacon(  # noqa: PLR0913 - the published flags of this command
    *,
    url: str | None = None,
    key: str | None = None,
    name: Annotated[list[str] | None, Parameter(negative="")] = None,
    labels: str = "",
    concurrency: int = 1,
    once: bool = False,
    allow: str = "command,http,python",
    handlers: str = "",
    spool: Path | None = None,
    work_dir: Path | None = None,
    lease: int = 60,
    wait: int = 20,
    drain: float = 20.0,
    beat: float = 5.0,
    task_timeout: float = 3600.0,
) -> None:
    """Work until told to stop: SIGTERM lets what runs end, a second one ends it.

    Exit status 1 with --once says that the job failed.

    Parameters
    ----------
    url
        The server; DROVER_URL, or the one last logged in to, if left out.
    key
        The userkey to sign in with; better given as DROVER_USERKEY, where other users of the
        machine do not see it.
    name
        Take the jobs of this beacon name ("default" if none is given); may be given repeatedly.
    labels
        What this worker offers to jobs that ask for it, comma-separated.
    concurrency
        How many jobs to work on at once.
    once
        Do one job if there is one, then end.
    allow
        The kinds of tasks to do, comma-separated: command, http, python. Others fail.
    handlers
        Modules with functions registered by @drover.handler, comma-separated.
    spool
        Folder for results that the server has not accepted yet.
    work_dir
        Folder in which the tasks of each job get a folder of their own.
    lease
        Seconds without a sign of life after which the server hands a job to another worker.
    wait
        Seconds that the server may look for a job before it answers that there is none.
    drain
        Seconds that jobs in hand may go on once told to stop; then they are handed back.
    beat
        Seconds between signs of life during a job; a cancel is seen as fast.
    task_timeout
        Seconds that a task may take which does not say so itself.

    """
    from drover.workers.beacon.running import work_until_stopped
    from drover.workers.beacon.settings import (
        AgentSettings,
        SettingError,
        check,
        default_spool,
        prepare,
    )

    userkey = key or os.environ.get("DROVER_USERKEY")
    if not userkey:
        raise _session.CommandError("Say who you are with DROVER_USERKEY, or --key")
    settings = AgentSettings(
        wanted=Wanted(
            names=tuple(name or ["default"]),
            labels=tuple(_words(labels)),
            wait_s=wait,
            lease_s=lease,
        ),
        concurrency=concurrency,
        once=once,
        allow=frozenset(_words(allow)),
        spool=spool or default_spool(),
        work_dir=work_dir,
        drain_s=drain,
        beat_s=min(beat, lease / 3),
        task_timeout_s=task_timeout,
    )
    try:
        check(settings)
        prepare(settings)
    except SettingError as error:
        raise _session.CommandError(str(error)) from error
    load(_words(handlers))
    failures = work_until_stopped(_session.server_url(url), userkey, settings)
    if once and failures:
        sys.exit(1)


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
