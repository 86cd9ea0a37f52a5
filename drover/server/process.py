"""The process of a server: its listener, its signals, its logs."""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import os
import resource
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import structlog
import uvicorn
import uvloop

from drover import __version__
from drover.app.access.redaction import redact_event
from drover.config import SettingsError, leave_room
from drover.faces.connections import Connection
from drover.mqtt.fabric import check_asked_for
from drover.server.assembly import Server
from drover.server.checking import check_sense
from drover.server.configured import url_of
from drover.server.gathered_lines import GatheredLines
from drover.server.log_lines import PlainLines
from drover.server.traces import collected

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drover.config import Settings

_LOG = structlog.get_logger("drover.server")

IDLE_S: Final = 75
"""How long a connection may wait for its next request.

Longer than clients and proxies keep theirs, so that they are the ones that close: a request that
meets the server's own closing gets no answer, and its sender cannot know whether it was done.
"""

DRAIN_S: Final = 20
"""How long requests and runs in progress may take to end once the server is told to stop."""


class _Listener(uvicorn.Server):
    """The HTTP listener; on a signal it first keeps the engine from claiming more."""

    def __init__(self, configuration: uvicorn.Config, server: Server) -> None:
        super().__init__(configuration)
        self._server = server

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to stop."""
        self._server.drain()
        super().handle_exit(sig, frame)
        # The listener would raise the signal again at its end, and so end the process before the
        # engine has handed back its work and the store is closed.
        self._captured_signals.clear()


def run(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT, as far as its settings leave room for each other.

    Raises SettingsError.
    """
    check_sense(settings)
    set_up_logs(settings)
    may_open_all()
    with collected(os.environ):
        run_until_done(_serve(in_force(settings)))


def may_open_all() -> None:
    """Let this process, and those that it starts, open as many files as the system allows.

    The usual limit is 1,024: so many connections that say nothing would keep out all others.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems tell of more than they grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def in_force(settings: Settings) -> Settings:
    """Return the settings that a server runs by; a line of the log tells where these are less."""
    fitted = leave_room(settings)
    if fitted != settings:
        _LOG.warning(
            "fewer_may_wait",
            max_waiting_beacons=fitted.max_waiting_beacons,
            max_waiting_replies=fitted.max_waiting_replies,
            asked=[settings.max_waiting_beacons, settings.max_waiting_replies],
            reason="together at most four fifths of max_requests may wait",
            max_requests=settings.max_requests,
        )
    return fitted


def run_until_done(serving: Coroutine[Any, Any, None]) -> None:
    """Run a process's whole life on a loop made for it."""
    # The store's threads and the loop hand each other work all the time: measured up to twice as
    # fast as with the interpreter's default of 5 ms.
    sys.setswitchinterval(0.0005)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


async def _serve(settings: Settings) -> None:
    listening = bind(settings.host, settings.port)
    check_asked_for(settings)
    server = Server(settings, url_of(settings, listening.getsockname()[1]))
    try:
        await server.open()
        settle_memory()
        _greet(server)
        await _Listener(listening_of(server.app), server).serve(sockets=[listening])
    finally:
        await server.close()


def settle_memory() -> None:
    """Look for cycles among what was made since the start, and seldom.

    What passes through a server are trees of plain values: looking for cycles among them all the
    time, and among all modules too, took a tenth of a fan-out.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def listening_of(app: Any) -> uvicorn.Config:
    """Return how an application is listened for."""
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=DRAIN_S,
        server_header=False,
    )


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address. Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise SettingsError(f"Nothing can listen on {host} port {port}: {reason}") from error
    return listening


def _greet(server: Server) -> None:
    lines = [f"Drover {__version__} listens on {server.url}{server.fabric.told}"]
    if server.created:
        lines.append(f"Administrator  {server.created.email}")
        if server.created.password:
            lines.append(f"Password       {server.created.password}   (shown this once)")
    print("\n".join(lines), flush=True)  # noqa: T201 - what a person or a script waits for


def set_up_logs(settings: Settings) -> None:
    """Send every log to standard error, as lines for a person or as JSON."""
    lines = GatheredLines(os.dup(2))
    atexit.register(lines.close)
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=level, format="%(message)s")
    renderer: Any = PlainLines()
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", lines)),
        cache_logger_on_first_use=True,
    )
