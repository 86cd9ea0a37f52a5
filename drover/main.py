"""Wire everything and start: the only module that may import everything.

``drover serve`` runs a server; every other command is a client of one.
"""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - commands read their annotations at run time
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

import drover.cli
from drover import __version__, config
from drover.cli._session import CommandError, advice
from drover.client import ClientError, ServerUnreachable, UnusableConnection
from drover.discover import discover
from drover.plugins import HandlersError
from drover.ports.failures import StoreError

EXPECTED = (
    CommandError,
    ClientError,
    ServerUnreachable,
    UnusableConnection,
    config.SettingsError,
    HandlersError,
    StoreError,
)

COMMANDS = App(
    name="drover",
    version=__version__,
    help="Run and control the jobs of a fleet.",
)
for group in discover(drover.cli, "GROUP", App):
    COMMANDS.command(group)


@COMMANDS.command
def serve(  # noqa: PLR0913 - the published flags of this command
    *,
    config_file: Path | None = None,
    data_dir: str | None = None,
    host: str | None = None,
    port: int | None = None,
    mqtt_port: int | None = None,
    database: str | None = None,
    nats: str | None = None,
    roles: str | None = None,
    handlers: str | None = None,
) -> None:
    """Run a server until it is told to stop.

    Parameters
    ----------
    config_file
        A TOML file of settings.
    data_dir
        Folder of the embedded store, reports and keys.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    mqtt_port
        Port of the MQTT listener.
    database
        PostgreSQL URL; SQLite in the data folder without one.
    nats
        URL of an external NATS server.
    roles
        What this process does, comma-separated: api, engine, scheduler, mqtt.
    handlers
        Modules with functions registered by @drover.handler, comma-separated.

    """
    from drover.server.process import run

    given: dict[str, Any] = {
        "data_dir": data_dir,
        "host": host,
        "port": port,
        "mqtt_port": mqtt_port,
        "database": database,
        "nats": nats,
        "roles": _list(roles),
        "handlers": _list(handlers),
    }
    run(config.asked(file=config_file, overrides=given))


@COMMANDS.command
def worker(  # noqa: PLR0913 - the published flags of this command
    *,
    database: str | None = None,
    handlers: str | None = None,
    roles: str = "engine",
    health_port: int | None = None,
    host: str | None = None,
    data_dir: str | None = None,
    config_file: Path | None = None,
) -> None:
    """Work on the executions of a shared database, without an API, until told to stop.

    Parameters
    ----------
    database
        PostgreSQL URL, the same as that of the servers.
    handlers
        Modules with functions registered by @drover.handler, comma-separated.
    roles
        What this process does, comma-separated: engine, scheduler.
    health_port
        Answer /health and /metrics at this port; 0 takes a free one, none without it.
    host
        Address for that port.
    data_dir
        Folder of this process's keys, and of reports where DROVER_BLOBS names no other place.
    config_file
        A TOML file of settings.

    """
    from drover.server.worker import work

    given: dict[str, Any] = {
        "data_dir": data_dir,
        "host": host,
        "database": database,
        "roles": _list(roles),
        "handlers": _list(handlers),
    }
    work(config.load(file=config_file, overrides=given), health_port)


@COMMANDS.command
def bench(*, items: Annotated[int, Parameter(validator=Number(gte=100))] = 10_000) -> None:
    """Measure this machine: a server on a temporary store beside bare SQLite on the same disk.

    Parameters
    ----------
    items
        Devices to create and to run a workflow over, 100 or more.

    """
    from drover.measure.machine import measure

    measure(items, Console())


@COMMANDS.command(name="broker-config")
def broker_config(*, config_file: Path | None = None, data_dir: str | None = None) -> None:
    """Print the configuration for nats-server, run elsewhere for servers with the same mqtt_key.

    Parameters
    ----------
    config_file
        A TOML file of settings.
    data_dir
        Folder of the embedded store, reports and keys.

    """
    from drover.mqtt.fabric import broker_configuration

    settings = config.load(file=config_file, overrides={"data_dir": data_dir})
    print(broker_configuration(settings))  # noqa: T201 - what the command is for


@COMMANDS.command
def doctor(  # noqa: PLR0913 - the flags of a server that matter here
    *,
    config_file: Path | None = None,
    data_dir: str | None = None,
    host: str | None = None,
    port: int | None = None,
    mqtt_port: int | None = None,
    database: str | None = None,
    roles: str | None = None,
) -> None:
    """Check that a server can run here: its store, its ports, its broker; nothing is changed.

    Parameters
    ----------
    config_file
        A TOML file of settings.
    data_dir
        Folder of the embedded store, reports and keys.
    host
        Address that it would listen on.
    port
        Port that it would listen on.
    mqtt_port
        Port of the MQTT listener.
    database
        PostgreSQL URL; SQLite in the data folder without one.
    roles
        What the process would do, comma-separated: api, engine, scheduler, mqtt.

    """
    from drover.server.doctor import examine

    given: dict[str, Any] = {
        "data_dir": data_dir,
        "host": host,
        "port": port,
        "mqtt_port": mqtt_port,
        "database": database,
        "roles": _list(roles),
    }
    if not examine(config.load(file=config_file, overrides=given), Console()):
        sys.exit(1)


def main() -> None:
    """Run the command line; expected failures end with a line and status 1."""
    try:
        COMMANDS()
    except EXPECTED as error:
        Console(stderr=True, soft_wrap=True).print(advice(error), style="red", markup=False)
        sys.exit(1)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    main()
