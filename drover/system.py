"""The clocks of the machine and its source of identities and secrets."""

from __future__ import annotations

import itertools
import secrets
import time


class SystemClock:
    """The clocks of this process."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back."""
        return time.monotonic_ns() // 1_000_000


class RandomIds:
    """24-hex ids: seconds, a random part of this process, a counter. They grow with time."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(5)
        self._count = itertools.count(secrets.randbelow(1 << 23))

    def new(self) -> str:
        """Return a new id."""
        return f"{int(time.time()):08x}{self._process}{next(self._count) & 0xFFFFFF:06x}"

    def secret(self, size: int = 32) -> str:
        """Return URL-safe random text made of ``size`` random bytes."""
        return secrets.token_urlsafe(size)
