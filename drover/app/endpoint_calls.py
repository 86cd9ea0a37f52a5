"""How often applications' own interfaces are called: counted in memory, written each second."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from drover.app.payload_counts import HOUR_MS, KEPT_MS
from drover.model.instants import to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.clock import Clock
    from drover.ports.counts import EndpointCall
    from drover.ports.store import Store

NOT_FOUND: Final = "NotFound"
"""What stands for an endpoint where there is none at a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsWanted:
    """Which calls are counted, and what tells them apart; an empty filter lets all through.

    ``grouping`` is the name of a field of EndpointCall.
    """

    start_ms: int
    end_ms: int
    resolution_ms: int
    grouping: str
    filters: dict[str, str]


class EndpointCalls:
    """Adds up calls; ``flush`` is to be called every second or so, and at the end."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.clock = clock
        self._counted: Counter[EndpointCall] = Counter()
        self._forgot_ms = 0

    def note(self, call: EndpointCall) -> None:
        """Count one call that ends now."""
        now_ms = self.clock.now_ms()
        self._counted[replace(call, hour_ms=now_ms - now_ms % HOUR_MS)] += 1

    async def flush(self) -> None:
        """Write what was counted; what cannot be written is kept for the next time."""
        taken, self._counted = self._counted, Counter()
        if not taken:
            return
        moved = [replace(call, calls=calls) for call, calls in taken.items()]
        try:
            await self._store.write(lambda session: session.counts.add_calls(moved))
        except BaseException:
            self._counted.update(taken)
            raise
        await self._forget_old()

    async def stats(
        self, application_id: str, wanted: CallsWanted
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the calls by what tells them apart, each with the moments that had any."""
        found = await self._store.read(
            lambda session: session.counts.calls(application_id, wanted.start_ms, wanted.end_ms)
        )
        return _grouped(found, wanted)

    async def by_endpoint(self, application_id: str, duration_ms: int) -> Counter[str]:
        """Return the calls of each endpoint's id up to now, by whole hours; see NOT_FOUND."""
        now_ms = self.clock.now_ms()
        found = await self._store.read(
            lambda session: session.counts.calls(application_id, now_ms - duration_ms, now_ms)
        )
        counted: Counter[str] = Counter()
        for call in found:
            counted[call.endpoint_id] += call.calls
        return counted

    async def _forget_old(self) -> None:
        now_ms = self.clock.now_ms()
        if now_ms - self._forgot_ms < HOUR_MS:
            return
        self._forgot_ms = now_ms
        await self._store.write(lambda session: session.counts.forget_calls(now_ms - KEPT_MS))


def _grouped(found: Sequence[EndpointCall], wanted: CallsWanted) -> dict[str, list[dict[str, Any]]]:
    counted: dict[str, Counter[int]] = defaultdict(Counter)
    for call in found:
        if all(str(getattr(call, name)) == value for name, value in wanted.filters.items()):
            bucket_ms = call.hour_ms - call.hour_ms % wanted.resolution_ms
            counted[str(getattr(call, wanted.grouping))][bucket_ms] += call.calls
    return {
        group: [{"time": to_text(at_ms), "count": calls} for at_ms, calls in sorted(of.items())]
        for group, of in counted.items()
    }
