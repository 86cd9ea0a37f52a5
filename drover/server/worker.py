"""A process that only works: the engine's role, without the API."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from drover.config import SettingsError
from drover.server.assembly import Server
from drover.server.checking import check_sense
from drover.server.configured import url_of
from drover.server.process import (
    bind,
    listening_of,
    may_open_all,
    run_until_done,
    set_up_logs,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from drover.config import Settings

SHOWN: Final = frozenset({"/health", "/metrics"})
"""What the port for health answers; everything else is not there."""


def work(settings: Settings, health_port: int | None = None) -> None:
    """Work on executions until SIGTERM or SIGINT; raises SettingsError.

    ``health_port`` answers ``/health`` and ``/metrics``; 0 takes a free port.
    """
    if not settings.database:
        raise SettingsError(
            "A worker shares its database with servers: give --database postgresql://..."
            " (a server on SQLite does its work itself)"
        )
    if "api" in settings.roles:
        raise SettingsError("A worker has no API: its roles are engine and scheduler")
    check_sense(settings)
    set_up_logs(settings)
    may_open_all()
    run_until_done(_work(settings, health_port))


async def _work(settings: Settings, health_port: int | None) -> None:
    told = asyncio.Event()
    server = Server(settings, url_of(settings, settings.port))

    def stop() -> None:
        server.drain()
        told.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop)
    try:
        await server.open()
        async with _health(server, health_port) as shown:
            print(f"Drover works as {', '.join(settings.roles)}{shown}", flush=True)  # noqa: T201 - what a person or a script waits for
            await told.wait()
    finally:
        await server.close()


@asynccontextmanager
async def _health(server: Server, port: int | None) -> AsyncIterator[str]:
    """Listen for probes as long as the process works, if it is asked to."""
    if port is None:
        yield ""
        return
    listening = bind(server.settings.host, port)
    listener = _Probes(listening_of(_only_shown(server.app)))
    task = asyncio.create_task(listener.serve(sockets=[listening]))
    try:
        host, taken, *_ = listening.getsockname()
        yield f"; its health is at http://{f'[{host}]' if ':' in host else host}:{taken}/health"
    finally:
        listener.should_exit = True
        await task


class _Probes(uvicorn.Server):
    """A listener that leaves the signals to the process it is part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _only_shown(app: Any) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] in SHOWN:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer
