"""A running server: its parts put together, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
import uvicorn
import uvloop

import drover.kinds
from drover import __version__
from drover.app.access import assembly as access
from drover.app.access.admit import visible_applications
from drover.app.access.applications import owners_for
from drover.app.access.redaction import redact_event
from drover.app.assembly import Surroundings, library
from drover.app.services import Services
from drover.discover import discover
from drover.faces.declared import declared
from drover.faces.http import HttpApp, Limits
from drover.faces.openapi import Published
from drover.model.kind import Kind
from drover.store.access import revisions_of
from drover.store.postgres import PostgresDatabase
from drover.store.session import SqlStore
from drover.store.sqlite import SqliteDatabase
from drover.system import RandomIds, SystemClock

if TYPE_CHECKING:
    from rich.console import Console

    from drover.app.access.bootstrap import Created
    from drover.config import Settings
    from drover.store.driver import Database

DRAIN_S: Final = 20
"""How long requests and runs in progress may take to end once the server is told to stop."""


class Server:
    """The parts of one process; ``open`` starts what its roles ask for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.ids = RandomIds()
        self.app: HttpApp
        self.created: Created | None = None
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Open the store, make the first administrator if there is none, start the roles."""
        database = database_of(self.settings)
        await database.open()
        self._open.push_async_callback(database.close)
        store = SqlStore(database)
        doors = access.build(store, revisions_of(database), self.ids, self.clock)
        self._open.callback(doors.close)
        kinds = discover(drover.kinds, "KIND", Kind)
        around = Surroundings(
            store=store,
            ids=self.ids,
            clock=self.clock,
            kinds=kinds,
            hasher=doors.passwords,
            owners=owners_for,
            seen=visible_applications,
        )
        shelf = library(around, [doors.hooks])
        first = access.bootstrap(doors, shelf.applications, store, self.ids, self.clock)
        self.created = await first.run(
            self.settings.admin_email, self.settings.admin_password or None
        )
        published = Published(__version__)
        services = Services(published, *shelf.services, *doors.services)
        limits = Limits(
            body_bytes=self.settings.max_body_bytes, requests=self.settings.max_requests
        )
        self.app = HttpApp(declared(services), doors.gate, limits=limits)
        published.publish((route.operation for route in self.app.routes.all), self.app.metrics.text)

    def drain(self) -> None:
        """Claim nothing more; called at the moment the server is told to stop."""

    async def close(self) -> None:
        """Stop what was started, last first."""
        await self._open.aclose()


class _Listener(uvicorn.Server):
    """The HTTP listener; on a signal it first keeps the engine from claiming more."""

    def __init__(self, configuration: uvicorn.Config, server: Server) -> None:
        super().__init__(configuration)
        self._server = server

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin to stop."""
        self._server.drain()
        super().handle_exit(sig, frame)


def database_of(settings: Settings) -> Database:
    """Return the database the settings name, not yet open; makes the data folder."""
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if settings.database:
        return PostgresDatabase(settings.database)
    return SqliteDatabase(folder / "drover.db")


def run(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT."""
    set_up_logs(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    listening = _bind(settings)
    server = Server(settings)
    try:
        await server.open()
        configuration = uvicorn.Config(
            server.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=DRAIN_S,
            server_header=False,
        )
        _greet(settings, server, listening.getsockname()[1])
        await _Listener(configuration, server).serve(sockets=[listening])
    finally:
        await server.close()


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.host, settings.port))
    listening.listen(2048)
    return listening


def _greet(settings: Settings, server: Server, port: int) -> None:
    url = settings.public_url or f"http://{settings.host}:{port}"
    lines = [f"Drover {__version__} listens on {url}"]
    if server.created:
        lines.append(f"Administrator  {server.created.email}")
        if server.created.password:
            lines.append(f"Password       {server.created.password}   (shown this once)")
    print("\n".join(lines), flush=True)  # noqa: T201 - what a person or a script waits for


def set_up_logs(settings: Settings) -> None:
    """Send every log to standard error, as lines for a person or as JSON."""
    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(level=level, format="%(message)s")
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False)
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
        logger_factory=structlog.WriteLoggerFactory(file=os.fdopen(os.dup(2), "w", buffering=1)),
        cache_logger_on_first_use=True,
    )


def examine(settings: Settings, console: Console) -> bool:
    """Print what a server would run with and whether its store can be opened."""

    async def look() -> dict[str, Any]:
        database = database_of(settings)
        await database.open()
        try:
            return dict(database.settings())
        finally:
            await database.close()

    console.print(f"Drover {__version__}, data in {Path(settings.data_dir).resolve()}")
    try:
        found = asyncio.run(look())
    except Exception as error:  # noqa: BLE001 - whatever it is, the doctor tells it
        console.print(f"[red]The store cannot be opened:[/] {error}")
        return False
    for name, value in found.items():
        console.print(f"  {name} = {value}")
    console.print("[green]The store is durable and can be opened.[/]")
    return True
