"""The life of simulated devices, and what is shown of it meanwhile."""

from __future__ import annotations

import asyncio
import resource
import signal
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rich.console import Console

from drover.cli import _session
from drover.mqtt.device import ConnectionRefused
from drover.mqtt.simulated import Fleet, Habits

if TYPE_CHECKING:
    from pathlib import Path

    from rich.status import Status

    from drover.mqtt.simulated import Tally

__all__ = ["Habits", "make_room", "run", "trusting"]

OTHER_FILES: Final = 64
"""Files that the command itself may have open, beside a connection for each device."""
TELL_S: Final = 1.0
"""How often it is shown how things stand."""


def make_room(devices: int) -> None:
    """Let this process have a connection for each device; raises CommandError where it may not.

    They would try again for ever, and the rest of the fleet would seem to be all there is.
    """
    needed = devices + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise _session.CommandError(
            f"{devices} devices need {needed} open files, and a process may have {hard}: simulate"
            " fewer, in several processes, or raise the limit (ulimit -Hn)"
        )
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Return how a broker is looked at: by an authority's file, or by those of the system.

    Raises CommandError.
    """
    try:
        return ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        raise _session.CommandError(f"{authority} (--tls-ca) is no certificate: {error}") from error


def run(
    ids: list[str],
    address: tuple[str, int],
    key: tuple[str, str],
    habits: Habits,
    seconds: float,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Let devices live for some seconds, 0 for ever, or until somebody interrupts or ends it.

    Raises CommandError where nothing listens, none can connect, or the broker refuses them all.
    """
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_live(ids, address, key, habits, seconds, tls))


async def _live(
    ids: list[str],
    address: tuple[str, int],
    key: tuple[str, str],
    habits: Habits,
    seconds: float,
    tls: ssl.SSLContext | None = None,
) -> None:
    _end_as_if_interrupted()
    await _reach(*address, tls)
    fleet = Fleet(address, key, habits, tls)
    console = Console()
    with console.status("Connecting") as line:
        telling = asyncio.create_task(_tell(console, line, fleet.tally, len(ids)))
        try:
            async with asyncio.timeout(seconds or None):
                await fleet.run(ids)
        except* TimeoutError:
            pass
        except* ConnectionRefused as refused:
            raise _session.CommandError(f"The broker refuses the devices: {refused}") from refused
        finally:
            telling.cancel()
            told = fleet.tally
            console.print(
                f"{len(ids)} devices, {told.reported} reports, {told.commanded} commands,"
                f" {told.answered} answers" + (f", {told.refused} refused" if told.refused else "")
            )
    if not told.came:
        reason = (told.failure or "no answer") + ("" if tls else " (does the broker want --tls?)")
        raise _session.CommandError(
            f"No device could connect to {address[0]}:{address[1]}: {reason}"
        )
    if told.refused == len(ids):
        raise _session.CommandError("All are refused now: they were deleted, or their access key")


def _end_as_if_interrupted() -> None:
    """Let who made what the devices need put it away, whichever signal ends them."""
    task = asyncio.current_task()
    if task is not None:
        for each in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(each, task.cancel)


async def _reach(host: str, port: int, tls: ssl.SSLContext | None) -> None:
    """Raise CommandError where nothing listens: devices would try for ever, without a word."""
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=tls)
    except ssl.SSLError as error:
        raise _session.CommandError(f"No TLS with {host}:{port} as asked: {error}") from error
    except OSError as error:
        message = f"Nothing listens for devices on {host}:{port}; see --mqtt-host and --mqtt-port"
        raise _session.CommandError(message) from error
    writer.close()


async def _tell(console: Console, line: Status, tally: Tally, devices: int) -> None:
    """Show how things stand, each second; also where that is not seen, that all are away."""
    away = False
    while True:
        line.update(
            f"{tally.connected} of {devices} devices connected, {tally.reported} reports,"
            f" {tally.commanded} commands, {tally.answered} answers"
        )
        if away != (tally.came > 0 and not tally.connected):
            away = not away
            why = tally.failure or "they were cut off"
            console.print(f"None is connected, all try again: {why}" if away else "They are back")
        await asyncio.sleep(TELL_S)
