"""Simulated devices: what is asked of them makes sense, and it is told when none could connect."""

from __future__ import annotations

import socketserver
import threading

import pytest
from cyclopts import ValidationError

from drover.cli import _session, _simulated
from drover.cli.simulate import GROUP
from drover.mqtt.simulated import Habits


class NoBroker(socketserver.BaseRequestHandler):
    """Ends each connection, as a server of something else does."""

    def handle(self) -> None:
        """Read what was said, and say nothing."""
        self.request.recv(1024)


@pytest.mark.parametrize(
    "flag",
    [
        "--devices=0",
        "--failing=1.5",
        "--failing=nan",
        "--silent=-0.1",
        "--report-seconds=-1",
        "--delay-seconds=-1",
        "--seconds=-1",
        "--mqtt-port=0",
        "--mqtt-port=65536",
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(flag):
    with pytest.raises(ValidationError):
        GROUP([flag], exit_on_error=False, print_error=False)


def test_it_is_told_when_no_device_could_connect():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NoBroker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = ("127.0.0.1", server.server_address[1])

        with pytest.raises(_session.CommandError, match="No device could connect to "):
            _simulated.run(["d" * 24], address, ("key", "secret"), Habits(), 0.2)

        server.shutdown()
