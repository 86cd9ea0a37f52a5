"""What a server tells the people who run it: its version, address, parts, store and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.clock import Clock


@dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """Facts that hold as long as a server runs, and the clock it goes by.

    ``url`` is where clients reach it; ``store`` what its database is and runs with; ``limits`` the
    settings that bound requests and jobs, by name.
    """

    version: str
    url: str
    clock: Clock
    roles: Sequence[str] = ()
    store: Mapping[str, object] = field(default_factory=dict)
    limits: Mapping[str, object] = field(default_factory=dict)

    @property
    def secure(self) -> bool:
        """Whether clients reach it over TLS, so that cookies must not go any other way."""
        return self.url.startswith("https://")
