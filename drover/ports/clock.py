"""Time and identity, given to whoever needs them."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The clocks of this process. Leases and cron use the store's clock instead."""

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        ...

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back, for durations."""
        ...


class Ids(Protocol):
    """A source of identities and secrets."""

    def new(self) -> str:
        """Return a new 24-hex id, greater than earlier ones of this process."""
        ...

    def secret(self, size: int = 32) -> str:
        """Return URL-safe random text made of ``size`` random bytes."""
        ...
