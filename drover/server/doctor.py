"""Whether a server can run here, told without running it; nothing is made or changed."""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace
from rich.markup import escape

from drover import __version__
from drover.config import SettingsError
from drover.mqtt import needs
from drover.mqtt.broker import BrokerMissing
from drover.mqtt.fabric import ports_of
from drover.ports.failures import StoreError
from drover.server.checking import check_sense
from drover.server.configured import FILE, archive_form_of, database_of
from drover.server.process import bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from drover.config import Settings

    Look = Callable[[Settings], str]

_EXPECTED: Final = (SettingsError, StoreError, BrokerMissing)


def examine(settings: Settings, console: Console) -> bool:
    """Print what a server would run with and what keeps it from running; tell whether nothing."""
    console.print(f"Drover {__version__}, data in {Path(settings.data_dir).resolve()}")
    well = True
    for look in _looks(settings):
        try:
            console.print(look(settings), highlight=False, soft_wrap=True)
        except _EXPECTED as error:
            well = False
            console.print(f"[red]{escape(str(error))}[/]", highlight=False, soft_wrap=True)
    if well:
        console.print("[green]A server can run here.[/]")
    return well


def _looks(settings: Settings) -> Iterator[Look]:
    """Yield what is to be looked at, by the roles of the server."""
    yield _sense
    yield _store
    yield _archives
    if "api" in settings.roles:
        yield _http
    if settings.nats:
        yield _brokers
    elif "mqtt" in settings.roles:
        yield _program
        yield _certificate
        yield partial(_port, "mqtt_port")
        if settings.mqtt_websocket_port >= 0:
            yield partial(_port, "mqtt_websocket_port")


def _sense(settings: Settings) -> str:
    check_sense(settings)
    return "The settings make sense."


def _store(settings: Settings) -> str:
    """Look at the store. One that was never begun is tried beside the place it will have."""
    folder = Path(settings.data_dir)
    if settings.database or (folder / FILE).exists():
        return _opened(settings)
    beside = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        with tempfile.TemporaryDirectory(dir=beside) as tried:
            return _opened(replace(settings, data_dir=tried))
    except OSError as error:
        raise SettingsError(
            f"The data folder {folder} (data_dir) cannot be made: {error.strerror}"
        ) from error


def _opened(settings: Settings) -> str:
    async def look() -> dict[str, Any]:
        database = database_of(settings, migrates=False)
        await database.open()
        try:
            return dict(database.settings())
        finally:
            await database.close()

    found = asyncio.run(look())
    lines = [f"  {name} = {value}" for name, value in found.items()]
    return "\n".join([*lines, "The store is durable and can be opened."])


def _archives(settings: Settings) -> str:
    archive_form_of(settings)
    return f"Archives are written as {settings.archive_format}."


def _http(settings: Settings) -> str:
    bind(settings.host, settings.port).close()
    return f"{settings.host} port {settings.port} is free for HTTP."


def _brokers(settings: Settings) -> str:
    needs.check_reachable(settings.nats.split(","))
    return f"A broker answers at {settings.nats}."


def _program(settings: Settings) -> str:
    binary, version = needs.program(settings.nats_server)
    return f"The broker is nats-server {version} ({binary})."


def _certificate(settings: Settings) -> str:
    ends = needs.certificate_ends(ports_of(settings))
    if ends is None:
        return "Devices connect without TLS."
    return f"Devices connect with TLS; the certificate is valid to {ends:%Y-%m-%d %H:%M} UTC."


def _port(setting: str, settings: Settings) -> str:
    port = getattr(settings, setting)
    needs.check_port(settings.host, port, setting)
    return f"{settings.host} port {port} is free for devices ({setting})."
