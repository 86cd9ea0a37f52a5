"""When something that recurs every so many seconds is due again; cron rules are in ``cron``."""

from __future__ import annotations


def next_interval_ms(seconds: float, due_ms: int, now_ms: int) -> int:
    """Return the next moment of an interval that was due at ``due_ms``, later than now.

    Moments that passed meanwhile are left out, not made up for.
    """
    step_ms = max(1, round(seconds * 1000))
    missed = max(0, (now_ms - due_ms) // step_ms)
    return due_ms + (missed + 1) * step_ms
