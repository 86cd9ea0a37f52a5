"""Counts of payloads and devices in the store."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from drover.ports.counts import Days, EndpointCall, Stored, Total
from drover.store.row_batches import batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.counts import Moved
    from drover.store.driver import Transaction

DAY_MS: Final = 86_400_000
_CALL_COLUMNS: Final = (
    "application_ids",
    "hours",
    "endpoint_ids",
    "versions",
    "domains",
    "statuses",
    "calls",
)
_CALL_VALUES: Final = attrgetter(
    "application_id", "hour_ms", "endpoint_id", "version", "domain", "status", "calls"
)
_COLUMNS: Final = ("application_ids", "hours", "categories", "sources", "payloads", "sizes")
_VALUES: Final = attrgetter("application_id", "hour_ms", "category", "source", "payloads", "bytes")
_ONE_BUCKET_MS: Final = 2**62


class CountStore:
    """Counts within one transaction; see ``drover.ports.counts.Counts``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, moved: Sequence[Moved]) -> None:
        """Add to what was counted."""
        # In one order, so that two servers that add at once do not wait for each other in a circle.
        rows = sorted(map(_VALUES, moved))
        await self._tx.execute("payload_count_add", batch(self._tx.dialect, _COLUMNS, rows))

    async def totals(
        self, application_ids: Sequence[str], start_ms: int, end_ms: int, bucket_ms: int
    ) -> Sequence[Total]:
        """Return what moved in a span, by category, source and bucket."""
        params = {
            "application_ids": list(application_ids),
            "start_ms": start_ms,
            "end_ms": end_ms,
            "bucket_ms": bucket_ms or _ONE_BUCKET_MS,
        }
        return [
            Total(
                category=row["category"],
                source=row["source"],
                bucket_ms=row["bucket_ms"],
                payloads=int(row["payloads"]),
                bytes=int(row["bytes"]),
            )
            for row in await self._tx.fetch("payload_count_totals", params)
        ]

    async def of_device(
        self, device_id: str, start_ms: int, end_ms: int, bucket_ms: int
    ) -> Sequence[Total]:
        """Return what one device sent and was told, by category and bucket."""
        params = {
            "device_id": device_id,
            "start_ms": start_ms,
            "end_ms": end_ms,
            "bucket_ms": bucket_ms or _ONE_BUCKET_MS,
        }
        rows = await self._tx.fetch("device_payloads", params)
        return [Total(source="", bytes=0, **row) for row in rows]

    async def devices(self, application_ids: Sequence[str], start_ms: int, end_ms: int) -> Days:
        """Return the comings and goings of devices by day."""
        params = {"application_ids": list(application_ids), "start_ms": start_ms, "end_ms": end_ms}
        (before,) = await self._tx.fetch(
            "device_count_before",
            {"application_ids": params["application_ids"], "start_ms": start_ms},
        )
        made = await self._tx.fetch("devices_made_by_day", params)
        gone = await self._tx.fetch("devices_gone_by_day", params)
        return Days(
            before=before["total"],
            created={row["day_ms"]: row["total"] for row in made},
            deleted={row["day_ms"]: row["total"] for row in gone},
        )

    async def forget(self, before_ms: int) -> None:
        """Delete counts of hours before a moment."""
        await self._tx.execute("payload_count_forget", {"before_ms": before_ms})

    async def add_calls(self, calls: Sequence[EndpointCall]) -> None:
        """Add to how often interfaces were called."""
        rows = sorted(map(_CALL_VALUES, calls))
        params = batch(self._tx.dialect, _CALL_COLUMNS, rows)
        await self._tx.execute("endpoint_call_add", params)

    async def calls(
        self, application_id: str, start_ms: int, end_ms: int
    ) -> Sequence[EndpointCall]:
        """Return the calls of a span, by hour."""
        params = {"application_id": application_id, "start_ms": start_ms, "end_ms": end_ms}
        rows = await self._tx.fetch("endpoint_call_totals", params)
        return [EndpointCall(application_id=application_id, **row) for row in rows]

    async def forget_calls(self, before_ms: int) -> None:
        """Delete counts of calls of hours before a moment."""
        await self._tx.execute("endpoint_call_forget", {"before_ms": before_ms})

    async def files(self, application_id: str, kinds: Sequence[str]) -> Stored:
        """Return how many files of these kinds an application has."""
        params = {"application_id": application_id, "kinds": list(kinds)}
        (row,) = await self._tx.fetch("files_stored", params)
        return Stored(row["total"], row["bytes"])
