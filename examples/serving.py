"""A server of our own for as long as an example runs."""

from __future__ import annotations

import io
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from drover.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_S: Final = 120.0
STOP_S: Final = 60.0
EMAIL: Final = "demo@example.com"
SERVE: Final = (sys.executable, "-m", "drover.main", "serve")
LISTENING: Final = re.compile(r"(http://127\.0\.0\.1:\d+)(?:.* MQTT port (\d+))?")


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server, and a client signed in as its administrator."""

    client: Client
    url: str
    process: subprocess.Popen[str]
    data_dir: Path
    mqtt_port: int = 0

    def application_id(self) -> str:
        """Return the id of the first application."""
        return str(self.client.get("/applications", perPage=1)["items"][0]["id"])


@contextmanager
def serving(
    data_dir: str | None = None, *, log: IO[bytes] | None = None, **settings: object
) -> Iterator[Serving]:
    """Start a server on a free port with these settings, and stop it afterwards.

    There is no broker for devices unless ``roles`` name mqtt. Without ``data_dir`` everything is in
    a folder that is removed afterwards; what the server logs goes to ``log`` if it is given.
    Raises RuntimeError when the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="drover-") as scratch:
        settings.setdefault("roles", "api,engine,scheduler")
        password = str(settings.setdefault("admin_password", secrets.token_urlsafe(16)))
        folder = Path(data_dir or scratch)
        environ = os.environ | {
            "DROVER_ADMIN_EMAIL": EMAIL,
            "DROVER_LOG_LEVEL": "warning",
            **{f"DROVER_{name.upper()}": str(value) for name, value in settings.items()},
        }
        command = [*SERVE, "--data-dir", str(folder), "--port", "0", "--mqtt-port", "0"]
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            try:
                url, mqtt_port = _wait(process)
                with Client(url) as client:
                    client.sign_in(EMAIL, password)
                    yield Serving(client, url, process, folder, mqtt_port)
            finally:
                _stop(process)


def _wait(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Return the URL and the MQTT port (0 for none) that the server prints once it is ready.

    Raises RuntimeError if it ends first.
    """
    timer = threading.Timer(READY_S, process.kill)
    timer.start()
    output = process.stdout or io.StringIO()
    try:
        for line in output:
            found = LISTENING.search(line)
            if found:
                threading.Thread(target=output.read, daemon=True).start()
                return found[1], int(found[2] or 0)
    finally:
        timer.cancel()
    raise RuntimeError(f"The server did not start; its exit code is {process.wait(STOP_S)}")


def _stop(process: subprocess.Popen[str]) -> None:
    """Stop a server; raises TimeoutExpired when it had to be killed."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
