"""The broker without us: devices connect to it as they are, and it asks nobody."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from drover.mqtt.broker import Ports, environment, find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CONNECTIONS: Final = 200_000
STARTING_S: Final = 20.0


class BareBroker:
    """One that runs."""

    def __init__(self, pid: int, port: int) -> None:
        self._process = psutil.Process(pid)
        self.address = ("127.0.0.1", port)

    def memory_bytes(self) -> int:
        """Return what it takes."""
        return int(self._process.memory_full_info().pss)

    def processor_s(self) -> float:
        """Return the processor time that it has taken."""
        return processor_s(self._process)


def processor_s(process: psutil.Process) -> float:
    """Return the processor time that a process has taken, in seconds."""
    taken = process.cpu_times()
    return float(taken.user + taken.system)


@contextmanager
def bare_broker() -> Iterator[BareBroker]:
    """Yield a broker with the stores that MQTT needs, ended afterwards."""
    ports = Ports(host="127.0.0.1", clients=0, mqtt=0).settled()
    with tempfile.TemporaryDirectory(prefix="drover-bare-") as folder:
        file = Path(folder) / "broker.conf"
        file.write_text(f"""
server_name: bare
listen: "127.0.0.1:{ports.clients}"
max_connections: {MOST_CONNECTIONS}
jetstream {{ store_dir: "{folder}" }}
mqtt {{ listen: "127.0.0.1:{ports.mqtt}" }}
""")
        command = [find_binary(), "-c", str(file), "-l", str(Path(folder) / "log")]
        with subprocess.Popen(command, env=environment()) as process:
            try:
                broker = BareBroker(process.pid, ports.mqtt)
                _await(broker.address)
                yield broker
            finally:
                process.terminate()


def _await(address: tuple[str, int]) -> None:
    """Wait until it takes connections; raises OSError when it does not."""
    ends = time.monotonic() + STARTING_S
    while True:
        try:
            socket.create_connection(address).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
        else:
            return
