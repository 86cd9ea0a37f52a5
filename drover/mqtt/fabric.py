"""The broker as a server uses it: its own child or one elsewhere, connected to and served."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from nats.errors import Error as NatsError

from drover.config import Settings, SettingsError, data_folder
from drover.mqtt import needs
from drover.mqtt.accounts import CALLOUT, PLATFORM, Keyring
from drover.mqtt.backlog import Backlog
from drover.mqtt.broker import OTHER_PORT, Broker, BrokerMissing, Ports, configuration
from drover.mqtt.callout import Callout
from drover.mqtt.connections import Connections
from drover.mqtt.flushing import flush
from drover.mqtt.intake import BrokerIntake
from drover.mqtt.link import Link
from drover.mqtt.repeating import Repeating
from drover.mqtt.sessions import Sessions
from drover.mqtt.soundness import Soundness
from drover.mqtt.violations import Violations
from drover.system import key_file

if TYPE_CHECKING:
    from drover.ports.door import Door, Intake

_MEBI: Final = 1_048_576

REACHING_S: Final = 30.0
"""How long brokers that are run elsewhere may take to let a server in when it starts."""

LATE_S: Final = 1.0
"""How often it is looked who waits for an answer that will not come."""

_LOG = structlog.get_logger("drover.mqtt")


class Fabric:
    """What a server has of the broker; without one, live messages are off and all else works."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.data_dir)
        self._broker: Broker | None = None
        self._intake: BrokerIntake | None = None
        self.link = Link()
        connections = Connections(self.link)
        self._connections = connections
        self._most_bytes = settings.mqtt_backlog_mb * _MEBI
        self.backlog = Backlog(self.link, connections, self._most_bytes)
        self._late = Repeating()
        self.sessions = Sessions(connections)
        self.violations = Violations(self._folder / "mqtt" / "log")
        self.callout: Callout | None = None
        self._leaving = False
        self.told = ""
        """What the server says of it when it greets."""

    async def open(self) -> bool:
        """Connect, after starting a broker where this server has one of its own.

        Tells whether there is one.
        """
        settings = self._settings
        if not settings.nats and "mqtt" not in settings.roles:
            return False
        keys = keyring(settings)
        if settings.nats:
            await self._reach(keys)
            return True
        try:
            await self.link.open(keys, [await self._own(keys)])
        except (BrokerMissing, NatsError, OSError) as error:
            _LOG.warning("mqtt.off", reason=str(error) or type(error).__name__)
            self.told = f" (no devices over MQTT: {error})"
            await self.close()
            return False
        return True

    async def _reach(self, keys: Keyring) -> None:
        """Connect to brokers that are run elsewhere. Raises SettingsError."""
        nats = self._settings.nats
        try:
            async with asyncio.timeout(REACHING_S):
                await self.link.open(keys, nats.split(","))
            told = (await self.link.client(PLATFORM)).connected_server_version
            needs.check_version(f"{told.major}.{told.minor}.{told.patch}", nats)
        except (TimeoutError, NatsError, OSError) as error:
            reason = self.link.failure or str(error) or "no answer"
            raise SettingsError(
                f"No broker lets this server in at {nats} (nats): {reason}"
            ) from error
        except BrokerMissing as error:
            raise SettingsError(f"{error} (nats)") from error

    async def serve(self, door: Door, intake: Intake) -> None:
        """Decide for the broker about devices, and take what they say."""
        self.link.greet = self.sessions.watch
        keys = keyring(self._settings)
        self._intake = BrokerIntake(
            self.link,
            intake,
            self._connections,
            self._most_bytes,
            counts_reporters=keys.tells_reporters,
        )
        # Before devices are let in: what they say is acknowledged whether somebody listens or not.
        await self._intake.start()
        self.callout = Callout(
            keys, door, self.link.ensure, self._connections.end, self._has_no_room
        )
        deciding = await self.link.client(CALLOUT)
        await self.callout.serve(deciding)
        await flush(deciding)
        await self._hang_up_on_waiting()
        self.link.decides_again = self._hang_up_on_waiting
        self._late.start(self._connections.end_late, LATE_S)
        self.backlog.start()

    async def listening(self) -> None:
        """Return once this server listens to what workflows wait for now, in a moment at most."""
        if self._intake is not None:
            await self._intake.listening()

    @property
    def cut(self) -> int:
        """Connections ended because their right was taken away."""
        return 0 if self._intake is None else self._intake.cut

    @property
    def held_back(self) -> int:
        """How often state was left with the broker because too much waited for the store."""
        return 0 if self._intake is None else self._intake.held_back

    def _has_no_room(self) -> bool:
        return self._leaving or self.backlog.full or not self.link.listens

    async def _hang_up_on_waiting(self) -> None:
        """End connections of devices that the broker asked about while nobody listened.

        It would refuse them as if their credentials were wrong; ended without an answer they come
        again.
        """
        try:
            await self._connections.end_waiting()
        except (NatsError, OSError) as error:
            _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)

    async def take_nothing_more(self) -> None:
        """Take nothing more from devices; what was taken can still be acknowledged.

        Devices of a broker that stops with this server leave first: it would go on acknowledging
        messages that nobody hears any more.
        """
        await self._late.stop()
        await self.backlog.stop()
        if self._broker is not None:
            await self._send_everybody_away()
        if self._intake is not None:
            await self._intake.stop()

    async def close(self) -> None:
        """Disconnect, and stop the broker that was started. Safe to call twice."""
        await self._late.stop()
        await self.backlog.stop()
        await self.violations.stop()
        intake, self._intake = self._intake, None
        if intake is not None:
            await intake.finish()
        if self._broker is not None and self.link.ready:
            await self._send_everybody_away()
        await self.link.close()
        if self._broker is not None:
            await self._broker.stop()

    async def _send_everybody_away(self) -> None:
        """End all connections of devices before their broker stops.

        While it stops it goes on acknowledging for a moment what it does not keep any more.
        """
        self._leaving = True
        try:
            await self._connections.end_everybody()
        except (NatsError, OSError, TimeoutError) as error:
            _LOG.warning("mqtt.waits", error=str(error) or type(error).__name__)

    async def _own(self, keys: Keyring) -> str:
        settings = self._settings
        binary, _ = await asyncio.to_thread(needs.program, settings.nats_server)
        broker = Broker(keys, ports_of(settings), self._folder / "mqtt", binary)
        self._broker = broker
        await broker.start()
        self.backlog.soundness = Soundness(self.link, self._folder / "mqtt", broker.start_anew)
        self.violations.start()
        self.told = f" and for devices on {broker.ports.told()}"
        return broker.url


def check_asked_for(settings: Settings) -> None:
    """Raise SettingsError where devices cannot be listened for as the settings ask.

    A port that nobody has chosen may be taken: the server then does without devices.
    """
    if settings.nats or "mqtt" not in settings.roles:
        return
    needs.certificate_ends(ports_of(settings))
    if settings.mqtt_port != Settings().mqtt_port:
        needs.check_port(settings.host, settings.mqtt_port, "mqtt_port")
    if settings.mqtt_websocket_port >= 0:
        needs.check_port(settings.host, settings.mqtt_websocket_port, "mqtt_websocket_port")


def broker_configuration(settings: Settings) -> str:
    """Return the configuration of a broker that is run elsewhere, for servers elsewhere too."""
    ports = replace(ports_of(settings), clients=OTHER_PORT)
    return configuration(keyring(settings), ports, Path("nats-data"), inner=settings.host)


def keyring(settings: Settings) -> Keyring:
    """Return the keys of the installation; makes their secret at first start."""
    secret = settings.mqtt_key.encode() or key_file(data_folder(settings) / "mqtt.key")
    return Keyring(secret, tells_reporters=settings.mqtt_messages_in_15_seconds > 0)


def ports_of(settings: Settings) -> Ports:
    """Return where the settings have the broker listen."""
    return Ports(
        host=settings.host,
        clients=0,
        mqtt=settings.mqtt_port,
        websocket=None if settings.mqtt_websocket_port < 0 else settings.mqtt_websocket_port,
        tls_certificate=settings.mqtt_tls_certificate,
        tls_key=settings.mqtt_tls_key,
    )
