"""How an agent works: what it takes, how long things may take, where it keeps what is not sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from drover.client.beacon_work import Wanted
from drover.workers.beacon.tasks import KINDS, LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME: Final = 200
"""Characters of a beacon's name."""

LONGEST_HOLD_S: Final = 60
"""How long a server may hold a heartbeat at the longest."""

MOST_HELD: Final = 32
"""With more jobs at once than these, heartbeats are answered at once."""

LEASE_S: Final = (10, 86_400)
"""The shortest and the longest lease a server gives."""


class AgentSettings(Struct, frozen=True, kw_only=True):
    """Everything about an agent but whom it speaks to and with which key; times in seconds.

    ``allow`` are the kinds of tasks it does. ``beat_s`` is how often a lease is renewed and a
    cancel looked for; ``drain_s`` how long work in progress may go on once the agent is told to
    stop; ``grace_s`` how long a command may take to end when it is asked to. ``tail_bytes`` is what
    a result keeps of an output, ``log_bytes`` what of a task's output goes into the job's log.
    """

    wanted: Wanted = Wanted()
    concurrency: int = 1
    once: bool = False
    allow: frozenset[str] = frozenset(KINDS)
    spool: Path
    work_dir: Path | None = None
    beat_s: float = 5.0
    drain_s: float = 20.0
    grace_s: float = 5.0
    task_timeout_s: float = 3600.0
    tail_bytes: int = 16_384
    log_bytes: int = 1_048_576

    @property
    def hold_s(self) -> int:
        """How long a server may hold a heartbeat, to tell of a cancel at once; not of many jobs.

        Each that is held takes up a connection.
        """
        return min(int(self.beat_s), LONGEST_HOLD_S) if self.concurrency <= MOST_HELD else 0


class SettingError(ValueError):
    """An agent cannot work like that; the message says what is wrong."""


def check(settings: AgentSettings) -> None:
    """Raise SettingError for settings that cannot be."""
    wanted = settings.wanted
    _within("concurrency", settings.concurrency, 1, 1000)
    _within("wait", wanted.wait_s, 0, 60)
    _within("lease", wanted.lease_s or LEASE_S[0], *LEASE_S)
    _within("beat", settings.beat_s, 0.1, LONGEST_S)
    _within("drain", settings.drain_s, 0, LONGEST_S)
    _within("task-timeout", settings.task_timeout_s, 0.001, LONGEST_S)
    for name in wanted.names:
        if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            raise SettingError(f"name must be 1 to {LONGEST_NAME} printable characters")
    unknown = sorted(settings.allow - set(KINDS))
    if unknown or not settings.allow:
        raise SettingError(
            f"allow must name some of {', '.join(KINDS)}, not '{', '.join(unknown)}'"
        )


def prepare(settings: AgentSettings) -> None:
    """Make the folders of an agent; raises SettingError for one that cannot be used."""
    for name, folder in (("spool", settings.spool), ("work-dir", settings.work_dir)):
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SettingError(f"{name} cannot be a folder at {folder}: {error}") from error
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise SettingError(f"{name} must be a folder that this user may write in: {folder}")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingError(f"{name} must be from {least:g} to {most:g}")


def default_spool(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of this user's agents for results that are not accepted yet."""
    home = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "drover" / "beacon"
