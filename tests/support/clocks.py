"""Clocks that tests set."""

from __future__ import annotations


class StillClock:
    """A clock that stands still until it is moved: ``now`` is in milliseconds."""

    def __init__(self):
        self.now = 0

    def monotonic_ms(self):
        return self.now
