"""What devices report and are told, in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import TooLarge
from drover.ports.reports import MOST_BYTES, Reading
from drover.query.fold import fold
from drover.store.columns import SOURCES
from drover.store.compile import compile_query
from drover.store.row_batches import batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.reports import LogEntry, LogTopic, Span, Suggestion
    from drover.query.tree import Node
    from drover.store.driver import First, Row, Transaction

_NAMES: Final = {
    "tagKeys": ("device_tag", "key"),
    "tagValues": ("device_tag", "value"),
    "attributeNames": ("device_attribute", "name"),
}
_STATE_COLUMNS: Final = ("devices", "attributes", "times", "values", "relays", "relay_types")
_LOG_COLUMNS: Final = ("devices", "topics", "line_ids", "times", "documents")
_Row = tuple[str, str, int, str, str | None, str | None]
_TIME: Final = 2
_SCANNED: Final = 50_000
"""Names looked at for one suggestion: what starts so is chosen among these."""


class ReportStore:
    """Reports within one transaction; see ``drover.ports.reports.Reports``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def record(self, readings: Sequence[Reading]) -> None:
        """Store readings; one of the same device, attribute and moment replaces the earlier."""
        if not readings:
            return
        rows: dict[tuple[str, int, str], _Row] = {}
        newest: dict[tuple[str, str], _Row] = {}
        for each in readings:
            row = _row(each)
            rows[each.device_id, each.time_ms, each.attribute] = row
            last = newest.get((each.device_id, each.attribute))
            if last is None or last[_TIME] <= each.time_ms:
                newest[each.device_id, each.attribute] = row
        # In the order of their keys, so that servers that write at once do not wait crosswise.
        for statement, keyed in (("device_state_add", rows), ("device_last_add", newest)):
            ordered = [row for _, row in sorted(keyed.items())]
            await self._tx.execute(statement, batch(self._tx.dialect, _STATE_COLUMNS, ordered))

    async def moments(
        self, device_id: str, span: Span, attributes: Sequence[str] | None = None
    ) -> Sequence[tuple[int, dict[str, Any]]]:
        """Return the moments at which a device reported some attributes, or any, and what.

        Raises TooLarge where that is more than ``span.most_bytes``.
        """
        rows, full = await self._state(device_id, span, attributes)
        if full:
            raise _too_much(span.most_bytes)
        return _by_moment(rows)

    async def first_moments(
        self, device_id: str, span: Span
    ) -> Sequence[tuple[int, dict[str, Any]]]:
        """Return moments at which a device reported and what, as far as ``span.most_bytes`` goes.

        There is at least one if the device reported at all; of one that is too large a part.
        """
        rows, full = await self._state(device_id, span, None)
        found = _by_moment(rows)
        # More of the last moment may lie behind what was read: it is not told as if it were all.
        return found[:-1] if full and len(found) > 1 else found

    async def latest(
        self,
        device_ids: Sequence[str],
        span: Span,
        attributes: Sequence[str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> list[Reading]:
        """Return the newest value within a span of some attributes, or of each, of some devices.

        Raises TooLarge where they are more than ``most_bytes``.
        """
        params: dict[str, object] = {
            "ids": list(device_ids),
            "attributes": _listed(attributes),
            "start_ms": span.start_ms,
            "end_ms": span.end_ms,
        }
        rows, full = await self._tx.fetch_within("device_last_within", params, "value", most_bytes)
        if full:
            raise _too_much(most_bytes)
        return [
            Reading(
                device_id=row["device_id"],
                attribute=row["attribute"],
                time_ms=row["time_ms"],
                value=msgspec.json.decode(row["value"]),
                relay_id=row["relay_id"],
                relay_type=row["relay_type"],
            )
            for row in rows
        ]

    async def forget(
        self, device_id: str, span: Span, attributes: Sequence[str] | None = None
    ) -> None:
        """Delete the values of a span, of some attributes or of all."""
        params = _of(device_id, span)
        for name in [None] if attributes is None else attributes:
            one = {**params, "attribute": name}
            for statement in ("device_state_forget", "device_last_forget"):
                await self._tx.execute(statement, one)
        await self._tx.execute("device_last_again", params)

    async def forget_log(self, device_id: str, topic: LogTopic, span: Span) -> None:
        """Delete the lines of a span from a device's log."""
        await self._tx.execute("device_log_forget", {**_of(device_id, span), "topic": topic})

    async def log(self, entries: Sequence[LogEntry]) -> None:
        """Write lines to logs of devices."""
        if not entries:
            return
        rows = [
            (each.device_id, each.topic, each.id, each.time_ms, _text(each.document))
            for each in entries
        ]
        await self._tx.execute("device_log_add", batch(self._tx.dialect, _LOG_COLUMNS, rows))

    async def logged(self, device_id: str, topic: LogTopic, span: Span) -> list[dict[str, Any]]:
        """Return the lines of a device's log, as far as ``span.most_bytes`` goes."""
        params = {**_of(device_id, span), "topic": topic}
        statement = f"device_log_{_order(span)}"
        rows, _ = await self._tx.fetch_within(statement, params, "document", span.most_bytes)
        return [msgspec.json.decode(row["document"]) for row in rows]

    async def _state(self, device_id: str, span: Span, attributes: Sequence[str] | None) -> First:
        params = {**_of(device_id, span), "attributes": _listed(attributes)}
        statement = f"device_state_{_order(span)}"
        return await self._tx.fetch_within(statement, params, "value", span.most_bytes)

    async def connected(self, device_id: str, time_ms: int, *, connected: bool) -> None:
        """Note that a device came or went."""
        statement = "device_connected" if connected else "device_disconnected"
        await self._tx.execute(statement, {"device_id": device_id, "time_ms": time_ms})

    async def names(
        self, application_id: str, what: Suggestion, query: Node, starts_with: str
    ) -> Sequence[str]:
        """Return names in use among matching devices that start so; case is ignored.

        The index leads from one name to the next, and each is looked for until one device has it:
        a fleet of which all devices have the same few names is not read.
        """
        table, column = _NAMES[what.what]
        source = SOURCES["device"]
        asked = compile_query(query, source.columns, self._tx.dialect)
        params = {"application_id": application_id, "tag_key": what.tag_key, **asked.params}
        narrow = " AND side.key = :tag_key" if what.what == "tagValues" else ""
        side = f"{table} AS side WHERE side.application_id = :application_id{narrow}"
        kinds = _kinds(what, params)
        # The names in this text are the program's own; all that callers give are parameters.
        rows = await self._tx.fetch_sql(
            f"WITH RECURSIVE used (name) AS ("  # noqa: S608
            f"SELECT (SELECT side.{column} FROM {side} ORDER BY side.{column} LIMIT 1)"
            f" UNION ALL "
            f"SELECT (SELECT side.{column} FROM {side} AND side.{column} > used.name"
            f" ORDER BY side.{column} LIMIT 1) FROM used WHERE used.name IS NOT NULL) "
            f"SELECT used.name FROM used WHERE used.name IS NOT NULL AND 1 = ("
            f"SELECT 1 FROM {side} AND side.{column} = used.name{kinds} "
            f"AND EXISTS (SELECT 1 FROM {source.from_sql} WHERE device.id = side.device_id "
            f"AND {source.where_sql} AND {asked.sql}) LIMIT 1) "
            f"ORDER BY used.name LIMIT {_SCANNED}",
            params,
        )
        start = fold(starts_with)
        names = (row["name"] for row in rows)
        return [name for name in names if fold(name).startswith(start)][: what.limit]


def _row(reading: Reading) -> _Row:
    return (
        reading.device_id,
        reading.attribute,
        reading.time_ms,
        _text(reading.value),
        reading.relay_id,
        reading.relay_type,
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _kinds(what: Suggestion, params: dict[str, object]) -> str:
    """Return the condition on data types, whose values become parameters."""
    if not what.data_types:
        return ""
    names = {f"type_{number}": each for number, each in enumerate(what.data_types)}
    params |= names
    return f" AND side.data_type IN ({', '.join(f':{name}' for name in names)})"


def _order(span: Span) -> str:
    return "newest" if span.descending else "oldest"


def _by_moment(rows: Sequence[Row]) -> list[tuple[int, dict[str, Any]]]:
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        values = found.setdefault(row["time_ms"], {})
        values[row["attribute"]] = msgspec.json.decode(row["value"])
    return list(found.items())


def _too_much(most_bytes: int) -> TooLarge:
    return TooLarge(
        f"More than {most_bytes} bytes of values are in the range: ask for fewer devices, "
        "attributes or moments"
    )


def _listed(attributes: Sequence[str] | None) -> list[str] | None:
    return None if attributes is None else list(attributes)


def _of(device_id: str, span: Span) -> dict[str, object]:
    return {
        "device_id": device_id,
        "start_ms": span.start_ms,
        "end_ms": span.end_ms,
        "limit": span.limit,
    }
