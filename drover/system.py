"""The clocks of the machine, its source of identities and secrets, and its keys."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES: Final = 32


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


def key_file(path: Path) -> bytes:
    """Return the key kept in a file that its owner alone may read; makes it at first start.

    Whoever starts at the same time gets the same key. Raises OSError.
    """
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.fsync(descriptor)
            os.link(made, path)
        except FileExistsError:  # another process was quicker
            pass
        finally:
            os.close(descriptor)
            made.unlink()
    return path.read_bytes()
