"""Count the payloads that move, in memory, and show what was counted.

A count costs a look into a dictionary; a statement a second writes all of them. What a process
counted since is lost where it is killed: a second's worth.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol

from drover.kinds.device import KIND as DEVICE
from drover.model.instants import to_text
from drover.ports.counts import Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Clock
    from drover.ports.counts import Days, Total
    from drover.ports.store import Store

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
KEPT_MS: Final = 93 * DAY_MS
"""For how long counts are kept."""
FLUSH_S: Final = 1.0
NOT_BILLABLE: Final = frozenset(
    {"appFile", "dataTable", "deviceCreate", "event", "flowError", "notebook", "resourceJob"}
)
"""Categories that a breakdown leaves out unless it is asked for all."""
BY_FLOW: Final = "flow.flow"
BY_DEVICE: Final = "device.mqtt"
RUNS: Final[Mapping[str, tuple[str, str]]] = {
    "timer": ("timer", "timer.flow"),
    "virtualButton": ("virtualButton", "user.rest"),
    "webhook": ("webhook", "public.rest"),
    "endpoint": ("endpoint", "public.rest"),
    "integration": ("integration", "integration.flow"),
    "inboundEmail": ("inboundEmail", "public.email"),
    "resourceJobIteration": ("resourceJob", BY_FLOW),
}
"""The category and source of runs of workflows, by the type of the trigger that began them."""


class PayloadCounter:
    """Adds up what moves; ``flush`` is to be called every second or so, and at the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: dict[tuple[str, int, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._forgot_ms = 0

    def note(
        self, application_id: str, category: str, source: str, payloads: int = 1, size: int = 0
    ) -> None:
        """Count payloads of ``size`` bytes together."""
        now_ms = self._clock.now_ms()
        counted = self._counted[application_id, now_ms - now_ms % HOUR_MS, category, source]
        counted[0] += payloads
        counted[1] += size

    def made(self, caller: Caller, kind: Kind[Any], application_id: str, size: int) -> None:
        """Count what was made, where it is a device."""
        if kind.one == DEVICE.one:
            self.note(application_id, "deviceCreate", source_of(caller), 1, size)

    async def flush(self, store: Store) -> None:
        """Write what was counted; what cannot be written is kept for the next time."""
        taken, self._counted = self._counted, defaultdict(lambda: [0, 0])
        moved = list(_moved(taken))
        if not moved:
            return
        try:
            await store.write(lambda session: session.counts.add(moved))
        except BaseException:
            for key, (payloads, size) in taken.items():
                self._counted[key][0] += payloads
                self._counted[key][1] += size
            raise
        await self._forget_old(store)

    async def _forget_old(self, store: Store) -> None:
        now_ms = self._clock.now_ms()
        if now_ms - self._forgot_ms < HOUR_MS:
            return
        self._forgot_ms = now_ms
        await store.write(lambda session: session.counts.forget(now_ms - KEPT_MS))


class Notice(Protocol):
    """Takes word of payloads that moved: see ``PayloadCounter.note``."""

    def __call__(
        self, application_id: str, category: str, source: str, payloads: int, size: int, /
    ) -> None:
        """Count them."""
        ...


def unnoticed(
    _application_id: str, _category: str, _source: str, _payloads: int, _size: int
) -> None:
    """Count nothing."""


def source_of(caller: Caller) -> str:
    """Return who a caller is and how it came: workflows count as such, all others over HTTP."""
    return BY_FLOW if caller.type == "flow" else f"{caller.type}.rest"


class PayloadCounts:
    """Shows what was counted."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self.clock = clock

    async def by_category(
        self, application_ids: Sequence[str], start_ms: int, end_ms: int, *, as_bytes: bool
    ) -> dict[str, dict[str, int]]:
        """Return payloads, or bytes, by category and source."""
        found = await self._totals(application_ids, start_ms, end_ms, 0)
        shown: dict[str, dict[str, int]] = defaultdict(dict)
        for each in found:
            shown[each.category][each.source] = each.bytes if as_bytes else each.payloads
        return shown

    async def breakdown(
        self,
        application_ids: Sequence[str],
        span: tuple[int, int],
        resolution_ms: int,
        counted: Callable[[Total], int],
    ) -> dict[str, Any]:
        """Return what ``counted`` gives for each bucket of a span, empty ones too."""
        start_ms, end_ms = span[0] - span[0] % resolution_ms, span[1]
        found = await self._totals(application_ids, start_ms, end_ms, resolution_ms)
        return _by_bucket(found, (start_ms, end_ms), resolution_ms, counted)

    async def of_device(self, device_id: str, span: tuple[int, int]) -> dict[str, int]:
        """Return what one device sent and was told, by category."""
        found = await self._store.read(
            lambda session: session.counts.of_device(device_id, *span, 0)
        )
        return {each.category: each.payloads for each in found}

    async def device_breakdown(
        self, device_id: str, span: tuple[int, int], resolution_ms: int
    ) -> dict[str, Any]:
        """Return what one device sent and was told in each bucket of a span."""
        start_ms, end_ms = span[0] - span[0] % resolution_ms, span[1]
        found = await self._store.read(
            lambda session: session.counts.of_device(device_id, start_ms, end_ms, resolution_ms)
        )
        return _by_bucket(found, (start_ms, end_ms), resolution_ms, lambda each: each.payloads)

    async def devices(
        self, application_ids: Sequence[str], start_ms: int, end_ms: int
    ) -> dict[str, Any]:
        """Return the devices made and deleted on each day, and how many there were at its end."""
        first_ms = start_ms - start_ms % DAY_MS
        days = await self._store.read(
            lambda session: session.counts.devices(application_ids, first_ms, end_ms)
        )
        return {
            "start": to_text(first_ms),
            "end": to_text(end_ms),
            "counts": list(_days(days, first_ms, end_ms)),
        }

    async def _totals(
        self, application_ids: Sequence[str], start_ms: int, end_ms: int, bucket_ms: int
    ) -> Sequence[Total]:
        first_ms = start_ms - start_ms % HOUR_MS
        return await self._store.read(
            lambda session: session.counts.totals(application_ids, first_ms, end_ms, bucket_ms)
        )


def _by_bucket(
    found: Sequence[Total],
    span: tuple[int, int],
    resolution_ms: int,
    counted: Callable[[Total], int],
) -> dict[str, Any]:
    values: dict[int, int] = defaultdict(int)
    for each in found:
        values[each.bucket_ms] += counted(each)
    return {
        "start": to_text(span[0]),
        "end": to_text(span[1]),
        "counts": [
            {"date": to_text(at_ms), "value": values.get(at_ms, 0)}
            for at_ms in range(*span, resolution_ms)
        ],
    }


def _moved(counted: Mapping[tuple[str, int, str, str], Sequence[int]]) -> Iterator[Moved]:
    for (application_id, hour_ms, category, source), (payloads, size) in counted.items():
        yield Moved(
            application_id=application_id,
            hour_ms=hour_ms,
            category=category,
            source=source,
            payloads=payloads,
            bytes=size,
        )


def _days(days: Days, first_ms: int, end_ms: int) -> Iterator[dict[str, Any]]:
    total = days.before
    for day_ms in range(first_ms, end_ms, DAY_MS):
        created, deleted = days.created.get(day_ms, 0), days.deleted.get(day_ms, 0)
        total += created - deleted
        yield {"date": to_text(day_ms), "created": created, "deleted": deleted, "total": total}
