"""Ports for servers that are told theirs."""

from __future__ import annotations

import random
import socket
from typing import Final

_BELOW_THOSE_OF_THE_SYSTEM: Final = range(12_000, 32_000)
"""The system hands out ports above these to whoever asks for any, and so would hand out a port
that was chosen here before its server listens on it."""


def free_port() -> int:
    """Return a port of the loopback on which nothing listens."""
    while True:
        port = random.SystemRandom().choice(_BELOW_THOSE_OF_THE_SYSTEM)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
