"""An agent as a process: its name, its log, its signals."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import structlog

from drover import __version__
from drover.client.beacon_work import BeaconWork
from drover.client.printable import printable
from drover.workers.beacon.agent import Agent

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from drover.workers.beacon.settings import AgentSettings

_SET_DUMPABLE: Final = 4
"""The number of that order to the Linux kernel (prctl)."""


def work_until_stopped(url: str, userkey: str, settings: AgentSettings) -> int:
    """Run an agent until SIGTERM or SIGINT; return how many jobs failed.

    Raises ClientError when the server wants nothing of us.
    """
    set_up_log()
    hide_from_commands()
    with BeaconWork(url, userkey, worker_name(), __version__) as work:
        return asyncio.run(_work(work, settings))


async def _work(work: BeaconWork, settings: AgentSettings) -> int:
    agent = Agent(work, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, agent.stop)
    await agent.run()
    return agent.failures


def worker_name() -> str:
    """Return what the server calls this process: no other one is called so."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def hide_from_commands() -> None:
    """Keep commands from reading the userkey out of this process's memory or environment.

    They run as the same user, who may look into his other processes unless these forbid it.
    """
    os.environ.pop("DROVER_USERKEY", None)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


class SteadyLog:
    """Lines to a file; one that has no room, or that nobody reads any more, ends no work."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write a text if that is possible."""
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        """Write what waits if that is possible."""
        with contextlib.suppress(OSError):
            self._file.flush()


def set_up_log() -> None:
    """Write what happens to standard error, a line for each event."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _harmless,
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", SteadyLog(sys.stderr))),
    )


def _harmless(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep what the server sent from steering the terminal that shows the log."""
    return {
        name: printable(value) if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }
