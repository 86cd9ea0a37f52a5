"""The broker as a child process: started, watched, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from drover.mqtt.accounts import Keyring

from drover.mqtt.accounts import SYSTEM
from drover.mqtt.damaged import put_aside
from drover.mqtt.leftovers import take_away
from drover.ports.bus import MOST_MESSAGE_BYTES

BINARY: Final = "nats-server"
OTHER_PORT: Final = 4222
"""Where a broker that is run elsewhere listens for servers, unless its configuration is changed."""

STORE: Final = "jetstream"
"""Where in its folder a broker keeps its streams."""

_MOST_NAMED: Final = 20
"""Damaged streams that one line of the log names."""

DECIDING_S: Final = 10
"""How long a device may wait until it is let in: when a whole fleet connects, that takes time.

Those that came back before the server itself was back at a new broker are hung up on, and let in
the next time.
"""

COLLECTING: Final = "50"
"""At how many per cent of garbage the broker collects it, unless the environment says otherwise.

Its own default is 100. A connected device is some 20 KB that live long, so half as much garbage
saves a fifth of its memory, for a few per cent of its processor.
"""

_AROUND: Final = 1024
"""Bytes that a message's topic, which the broker counts with it, may have besides."""

_UNACKNOWLEDGED: Final = 64
"""Messages at QoS 1 under way to a device by one subscription.

The broker grants a connection no more subscriptions than 65,535 of these hold: a gateway listens
for a thousand devices.
"""

_STORE: Final = 1 << 50
"""Bytes that streams may promise to keep: more than any disk has.

Left to itself the broker counts what streams may grow to against three quarters of what the disk
had free when it was started, and makes no more applications known from there on.
"""

MOST_CONNECTIONS: Final = 200_000

_SHARE_OF_FILES: Final = 4
_FEWEST_FILES: Final = 64
_MOST_FILES: Final = 2048
"""Of open files that a broker may have one in so many is for streams, within these bounds."""

ASKING_S: Final = 10
"""How often the broker asks a server that says nothing whether it is there.

It takes one for lost after three times this, and asks the others alone from then on. Devices are
not asked.
"""

STARTING_S: Final = 20.0
STOPPING_S: Final = 2.0
"""How long the broker may take to end before it is killed.

Its streams are closed at once. Then it waits for each device about which nobody answers any more,
for as long as that may wait (``DECIDING_S``), and nobody could connect anywhere meanwhile.
"""
REST_S: Final = 0.5
"""How long to wait before a broker that died is started again."""

_FATAL: Final = re.compile(r"(?:\[FTL\] |^nats-server: )(.+)")
_MOST_WORDS: Final = 65_536
_PARENT_DEATH: Final = 1
_LOG = structlog.get_logger("drover.mqtt")


class BrokerMissing(Exception):
    """There is no broker that could be started, or it does not start. The text says why."""


class _Ended(Exception):
    """A broker ended before it could be reached."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where the broker listens; a port of 0 is replaced by a free one. None: not at all."""

    host: str
    clients: int
    mqtt: int
    websocket: int | None = None
    tls_certificate: str = ""
    tls_key: str = ""

    def told(self) -> str:
        """Return where devices connect, for a person."""
        secure = " by TLS" if self.tls_certificate else ""
        websocket = "" if self.websocket is None else f", over websockets on port {self.websocket}"
        return f"MQTT port {self.mqtt}{websocket}{secure}"

    def settled(self) -> Ports:
        """Return these with free ports in place of zeros."""
        return Ports(
            host=self.host,
            clients=self.clients or _free_port("127.0.0.1"),
            mqtt=self.mqtt or _free_port(self.host),
            websocket=_free_port(self.host) if self.websocket == 0 else self.websocket,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
        )


def find_binary(wanted: str = "") -> str:
    """Return the broker's program: the one wanted, or the one installed; raises BrokerMissing."""
    beside = Path(sys.executable).with_name(BINARY)
    found = wanted or (str(beside) if beside.exists() else shutil.which(BINARY))
    if not found or not os.access(found, os.X_OK):
        raise BrokerMissing(f"{wanted or BINARY} is not installed")
    return found


def most_connections() -> int:
    """Return how many connections a broker of this machine takes, as its open files allow.

    It raises its own limit as far as it may. With no file left it would go on acknowledging reports
    that it cannot write.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    files = min(max(most // _SHARE_OF_FILES, _FEWEST_FILES), _MOST_FILES)
    return max(1, min(most - files, MOST_CONNECTIONS))


def configuration(
    keys: Keyring,
    ports: Ports,
    folder: Path,
    *,
    name: str = "drover",
    inner: str = "127.0.0.1",
    most: int = MOST_CONNECTIONS,
) -> str:
    """Return the broker's configuration; servers of a cluster add their routes to it.

    Servers of Drover reach it at the address ``inner``. It takes ``most`` connections.
    """
    accounts = ",\n".join(f"  {public}: {claims}" for public, claims in keys.own_accounts().items())
    websocket = ""
    if ports.websocket is not None:
        secure = _tls(ports) or "no_tls: true"
        at = _at(ports.host, ports.websocket)
        listen = f'listen: "{at}", handshake_timeout: "{DECIDING_S}s"'
        websocket = f"websocket {{ {listen}, {secure} }}"
    return f"""# Made by Drover; it holds signed claims, no secrets.
server_name: "{name}"
listen: "{_at(inner, ports.clients)}"
max_payload: {MOST_MESSAGE_BYTES + _AROUND}
log_size_limit: 10MB
log_max_num: 3
max_connections: {most}
authorization {{ timeout: {DECIDING_S} }}
write_deadline: "5s"
ping_interval: "{ASKING_S}s"
mqtt {{
  listen: "{_at(ports.host, ports.mqtt)}"
  reject_qos2_publish: true
  downgrade_qos2_subscribe: true
  max_ack_pending: {_UNACKNOWLEDGED}
  authorization {{ timeout: {DECIDING_S} }}
  {_tls(ports)}
}}
{websocket}
jetstream {{ store_dir: "{folder / STORE}", sync_interval: "1s", max_file_store: {_STORE} }}
operator: {keys.operator_claims()}
system_account: {keys.account(SYSTEM).public}
default_sentinel: {keys.sentinel_claims()}
resolver: {{
  type: full, dir: "{folder / "accounts"}", interval: "2m"
  allow_delete: true, hard_delete: true
}}
resolver_preload: {{
{accounts}
}}
"""


def environment() -> dict[str, str]:
    """Return what a broker of this machine runs with."""
    return {"GOGC": COLLECTING, **os.environ}


class Broker:
    """A broker of this machine. Raises BrokerMissing when it cannot be started."""

    def __init__(self, keys: Keyring, ports: Ports, folder: Path, binary: str) -> None:
        self.ports = ports.settled()
        self._folder = folder
        self._binary = binary
        self._keys = keys
        self._child: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients of the broker itself connect."""
        return f"nats://127.0.0.1:{self.ports.clients}"

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        take_away(self._folder)
        file = self._folder / "broker.conf"
        text = configuration(self._keys, self.ports, self._folder, most=most_connections())
        file.write_text(text)
        file.chmod(0o600)
        await self._spawn()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop it; a broker that does not stop is killed. Safe to call twice."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        child, self._child = self._child, None
        if child is not None:
            await _ended(child)

    async def start_anew(self) -> None:
        """Stop it and have it started again, as one that died is."""
        if self._child is not None:
            await _ended(self._child)

    async def _spawn(self) -> None:
        await asyncio.to_thread(self._put_aside)
        log = self._folder / "log"
        arguments = ("-c", str(self._folder / "broker.conf"), "-l", str(log))
        with log.open("ab") as told:  # what it says before it has a log, and when it crashes
            told_before = told.tell()
            self._child = await asyncio.create_subprocess_exec(
                self._binary,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=told,
                env=environment(),
                # A broker must not outlive its server, nor get the signals meant for that.
                preexec_fn=die_with_parent,
                start_new_session=True,
            )
        try:
            await self._answering(self._child)
        except _Ended:
            reason = _last_words(log, told_before) or f"see {log}"
            raise BrokerMissing(f"The broker ended at once: {reason}") from None

    def _put_aside(self) -> None:
        """Have the broker begin without what it could not read."""
        aside = self._folder / "damaged" / f"{time.time_ns()}"
        try:
            damaged = put_aside(self._folder / STORE, aside)
        except OSError as error:  # the broker may get on with them all the same
            _LOG.warning("broker.not_looked_at", error=str(error))
            return
        if damaged:
            names = [str(each.relative_to(self._folder / STORE)) for each in damaged]
            _LOG.error("broker.damaged", streams=names[:_MOST_NAMED], put_aside=str(aside))

    async def _answering(self, child: asyncio.subprocess.Process) -> None:
        host = "127.0.0.1" if self.ports.host in ("0.0.0.0", "") else self.ports.host  # noqa: S104 - compared, not bound
        try:
            async with asyncio.timeout(STARTING_S):
                for address in (("127.0.0.1", self.ports.clients), (host, self.ports.mqtt)):
                    await _reached(address, child)
        except TimeoutError:
            raise BrokerMissing(f"The broker does not answer; see {self._folder / 'log'}") from None

    async def _watch(self) -> None:
        while self._child is not None:
            code = await self._child.wait()
            _LOG.error("broker.died", code=code, log=str(self._folder / "log"))
            await asyncio.sleep(REST_S)
            with contextlib.suppress(BrokerMissing, OSError):  # it is tried again
                await self._spawn()
                _LOG.info("broker.started_again")


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Stop a broker; one that does not stop is killed."""
    if child.returncode is not None:
        return
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), STOPPING_S)
    except TimeoutError:
        child.kill()
        await child.wait()


async def _reached(address: tuple[str, int], child: asyncio.subprocess.Process) -> None:
    while True:
        if child.returncode is not None:
            raise _Ended
        try:
            _, writer = await asyncio.open_connection(*address)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return


def _last_words(log: Path, begins: int) -> str:
    """Return why a broker says that it does not start, from where in its log it began."""
    with log.open("rb") as lines:
        lines.seek(begins)
        said = lines.read(_MOST_WORDS).decode(errors="replace").splitlines()
    fatal = [found[1].strip() for line in said if (found := _FATAL.search(line))]
    return fatal[-1] if fatal else ""


def _at(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls(ports: Ports) -> str:
    if not ports.tls_certificate:
        return ""
    files = f'cert_file: "{ports.tls_certificate}", key_file: "{ports.tls_key}"'
    return f"tls {{ {files}, timeout: {DECIDING_S} }}"


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends (Linux; elsewhere it is left).

    It is not asked to: a broker that stops goes on acknowledging what it does not keep any more.
    """
    import ctypes
    import signal

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
