"""The clocks of the engine, all settable so that tests need not wait."""

from __future__ import annotations

from msgspec import Struct


class Timing(Struct, frozen=True, kw_only=True):
    """Durations in milliseconds, and how much is done at a time.

    ``lease_ms`` is how long a worker may be silent before its work is handed on, ``beat_ms`` how
    often leases are renewed, ``sweep_ms`` how often lost leases and deadlines are looked for.
    ``pause_ms`` ends an execution that nobody resumes. ``make_up_ms`` is how long ago a missed
    moment of a schedule may have been to be made up for. ``chunk`` is the most items run together.
    ``beacon_lease_ms`` is how long a worker outside may be silent where nothing else is said.
    ``tries`` bounds how often a firing or a plan that fails is begun again.
    """

    lease_ms: int = 30_000
    beat_ms: int = 10_000
    sweep_ms: int = 5_000
    drain_ms: int = 20_000
    pause_ms: int = 30 * 86_400_000
    run_ms: int = 60_000
    make_up_ms: int = 3_600_000
    chunk: int = 500
    snapshot: int = 50_000
    tries: int = 5
    beacon_lease_ms: int = 300_000
