"""Simulated devices over real MQTT, to try jobs before the hardware exists."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cyclopts import App
from rich.console import Console

from drover.cli import _session

if TYPE_CHECKING:
    from drover.mqtt.simulated import Habits

if TYPE_CHECKING:
    from rich.status import Status

    from drover.mqtt.simulated import Tally

GROUP = App(name="simulate", help="Simulated devices over real MQTT.")


@GROUP.default
def simulate(  # noqa: PLR0913 - the published flags of this command
    devices: int = 10,
    *,
    application: str | None = None,
    query: str | None = None,
    mqtt_host: str | None = None,
    mqtt_port: int = 1883,
    report_seconds: float = 0.0,
    delay_seconds: float = 0.5,
    failing: float = 0.0,
    silent: float = 0.0,
    seconds: float = 0.0,
) -> None:
    """Connect devices of an application; they report, and answer commands on jobs/replies/DEVICE.

    Parameters
    ----------
    devices
        How many, of those that there are.
    application
        Name or id; may be left out when there is one.
    query
        An advanced device query (JSON) that chooses them.
    mqtt_host
        Where the broker listens; the server's host without it.
    mqtt_port
        Port of the broker.
    report_seconds
        How often each reports a level; 0 for never.
    delay_seconds
        How long each takes to answer a command.
    failing
        The share, from 0 to 1, of commands answered with "ok": false.
    silent
        The share, from 0 to 1, of commands not answered.
    seconds
        How long to go on; 0 until interrupted.

    """
    from drover.mqtt.simulated import Habits  # asyncio, which no other command needs

    with _session.connect() as client:
        base = f"/applications/{_session.application(client, application)}"
        found = islice(client.items(f"{base}/devices", query=query), devices)
        ids = [str(item["id"]) for item in found]
        if not ids:
            raise _session.CommandError("The application has no such devices")
        key = client.post(f"{base}/keys", {"name": "drover simulate"})
        try:
            habits = Habits(
                report_s=report_seconds, delay_s=delay_seconds, failing=failing, silent=silent
            )
            host = mqtt_host or urlsplit(_session.server_url()).hostname or "127.0.0.1"
            _run(ids, (host, mqtt_port), (key["key"], key["secret"]), habits, seconds)
        finally:
            client.delete(f"{base}/keys/{key['id']}")


def _run(
    ids: list[str], address: tuple[str, int], key: tuple[str, str], habits: Habits, seconds: float
) -> None:
    import asyncio

    with suppress(KeyboardInterrupt):
        asyncio.run(_live(ids, address, key, habits, seconds))


async def _live(
    ids: list[str], address: tuple[str, int], key: tuple[str, str], habits: Habits, seconds: float
) -> None:
    import asyncio

    from drover.mqtt.device import ConnectionRefused
    from drover.mqtt.simulated import Fleet

    await _reach(*address)
    fleet = Fleet(address, key, habits)
    console = Console()
    with console.status("Connecting") as line:
        telling = asyncio.create_task(_tell(line, fleet.tally, len(ids)))
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
                f" {told.answered} answers"
            )


async def _reach(host: str, port: int) -> None:
    """Raise CommandError where nothing listens: devices would try for ever, without a word."""
    import asyncio

    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        message = f"Nothing listens for devices on {host}:{port}; see --mqtt-host and --mqtt-port"
        raise _session.CommandError(message) from error
    writer.close()


async def _tell(line: Status, tally: Tally, devices: int) -> None:
    """Show how things stand, each second."""
    import asyncio

    while True:
        line.update(
            f"{tally.connected} of {devices} devices connected, {tally.reported} reports,"
            f" {tally.commanded} commands, {tally.answered} answers"
        )
        await asyncio.sleep(1)
