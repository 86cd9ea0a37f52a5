"""What the language calls "now": a clock that each run may set.

Templates that print the current time read this clock and no other, so that a test or a replay
decides what they print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Returns the current time, aware of its zone."""


def _system_time() -> datetime:
    return datetime.now(UTC)


_clock: ContextVar[Clock] = ContextVar("drover_language_clock", default=_system_time)


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Let everything rendered inside the ``with`` block take the time from ``clock``."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)


def now() -> datetime:
    """Return the time of the clock in use, in UTC and whole milliseconds."""
    moment = _clock.get()().astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
