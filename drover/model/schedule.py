"""When something recurs: by a cron rule in a time zone, or every so many seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from drover.model.cron import ClockChange, next_after, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turn(NamedTuple):
    """What is to be done at a moment: the run that is due, if any, and when the next one is.

    Moments are milliseconds since 1970; ``next_ms`` is None when nothing is due any more.
    """

    run_ms: int | None
    next_ms: int | None


class Recurrence(Struct, frozen=True, kw_only=True):
    """When something is due again and again, in milliseconds since 1970.

    ``cron`` (5 or 6 fields) in zone ``tz``, or every ``seconds``; with neither it is never due.
    ``starts_ms`` and ``ends_ms`` are both inclusive. Every method raises Invalid for a rule or a
    zone that cannot be understood.
    """

    cron: str | None = None
    seconds: float | None = None
    tz: str = "UTC"
    change: ClockChange = ClockChange.MOVED
    starts_ms: int | None = None
    ends_ms: int | None = None

    def first_ms(self, now_ms: int) -> int | None:
        """Return when it is due first, from now on; an interval without a start has to pass."""
        if self.cron is None and self.starts_ms is None:
            return self.after(now_ms, now_ms)
        from_ms = max(self.starts_ms or 0, now_ms)
        return self.after(from_ms - 1, self.starts_ms or 0)

    def after(self, moment_ms: int, phase_ms: int) -> int | None:
        """Return the first moment later than ``moment_ms``; None when there is none.

        An interval is counted from ``phase_ms``.
        """
        if self.cron is not None:
            return self._within(next_after(rule_of(self.cron, self.change), self.tz, moment_ms))
        if self.seconds is None:
            return None
        return self._within(next_interval_ms(self.seconds, phase_ms, moment_ms))

    def turn(self, due_ms: int, now_ms: int, kept_ms: int) -> Turn:
        """Return what to do at ``now_ms`` about what was due at ``due_ms`` and ever since.

        Of all that was missed only the latest is run, and only when it was due no longer than
        ``kept_ms`` ago.
        """
        run_ms = due_ms if due_ms >= now_ms - kept_ms else None
        next_ms = self.after(max(due_ms, now_ms - kept_ms - 1), due_ms)
        while next_ms is not None and next_ms <= now_ms:
            run_ms, next_ms = next_ms, self.after(next_ms, due_ms)
        return Turn(run_ms, next_ms)

    def latest(self, from_ms: int, to_ms: int) -> int | None:
        """Return the latest moment of a cron rule in a window, both ends included."""
        found, next_ms = None, self.after(from_ms - 1, from_ms)
        while next_ms is not None and next_ms <= to_ms:
            found, next_ms = next_ms, self.after(next_ms, from_ms)
        return found

    def upcoming(self, first_ms: int | None) -> Iterator[int]:
        """Yield a moment at which it is due and all that follow, in order."""
        next_ms, phase_ms = first_ms, first_ms or 0
        while next_ms is not None:
            yield next_ms
            next_ms = self.after(next_ms, phase_ms)

    def _within(self, moment_ms: int | None) -> int | None:
        over = moment_ms is None or (self.ends_ms is not None and moment_ms > self.ends_ms)
        return None if over else moment_ms


def next_interval_ms(seconds: float, due_ms: int, after_ms: int) -> int:
    """Return the first moment later than ``after_ms`` of an interval that is due at ``due_ms``.

    Moments that passed meanwhile are left out, not made up for.
    """
    step_ms = max(1, round(seconds * 1000))
    return due_ms + ((after_ms - due_ms) // step_ms + 1) * step_ms
