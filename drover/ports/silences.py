"""The area of the store for devices that workflows expect to hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Silence(NamedTuple):
    """A clock that runs since a device's last report, for triggers of a type, key and length."""

    application_id: str
    device_id: str
    type: str
    key: str
    seconds: float
    last_ms: int


class Silences(Protocol):
    """The clocks of devices' silence."""

    async def arm(self, silences: Sequence[Silence]) -> None:
        """Start clocks anew from their ``last_ms``."""
        ...

    async def take(self, now_ms: int, limit: int) -> Sequence[Silence]:
        """Stop clocks that have run down, and return them."""
        ...

    async def next_ms(self) -> int | None:
        """Return when the next clock has run down."""
        ...
