"""Workflows in the store: their index, what they keep, what became of their runs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import TooLarge
from drover.ports.flows import FlowToRun, RunCounts, RunNote
from drover.store.flow_definitions import definition_of
from drover.store.reactions import FlowMemoryTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.flows import IndexedTrigger
    from drover.store.driver import Row, Transaction

KEPT_NOTES: Final = 500
"""Errors, and as many debug messages, kept of each flow."""

_WIDE: Final = {"event": "any", "endpoint": "0" * 24}
"""The key by which triggers of a type wait for any key."""

_ON_MESSAGES: Final = "mqttTopic"
_ALL: Final = 2**31 - 1


class FlowStore:
    """The triggers of flows; see ``drover.ports.flows.FlowIndex``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.awaits_messages = False
        """Whether triggers on messages were stored here."""

    @cached_property
    def storage(self) -> FlowStorageTable:
        """What flows keep between runs."""
        return FlowStorageTable(self._tx)

    @cached_property
    def memory(self) -> FlowMemoryTable:
        """What nodes remember between runs."""
        return FlowMemoryTable(self._tx)

    @cached_property
    def history(self) -> FlowHistoryTables:
        """What became of runs."""
        return FlowHistoryTables(self._tx)

    async def subscribed(
        self,
        application_id: str,
        trigger_type: str,
        key: str,
        *,
        flow_id: str | None = None,
        version: str | None = None,
    ) -> Sequence[FlowToRun]:
        """Return each matching trigger of each enabled flow of the application."""
        params = {
            **_wanted(application_id, trigger_type, key),
            "flow_id": flow_id,
            "version": version,
        }
        rows = await self._tx.fetch("flow_subscribed", params)
        return [await _to_run(self._tx, row) for row in rows]

    async def awaited(self, application_id: str, trigger_type: str, key: str) -> bool:
        """Tell whether any flow, running or not, has such a trigger."""
        params = _wanted(application_id, trigger_type, key)
        return await self._tx.fetch_one("flow_awaited", params) is not None

    async def awaited_keys(
        self, application_id: str, trigger_types: Sequence[str], keys: Sequence[str]
    ) -> Sequence[tuple[str, str]]:
        """Return type and key of those triggers that any flow, running or not, has."""
        params: dict[str, object] = {
            "application_id": application_id,
            "types": list(trigger_types),
            "keys": list(keys),
        }
        rows = await self._tx.fetch("flow_awaited_keys", params)
        return [(row["type"], row["key"]) for row in rows]

    async def awaited_configs(
        self, application_id: str, trigger_types: Sequence[str], keys: Sequence[str]
    ) -> Sequence[tuple[str, str, bytes]]:
        """Return type, key and config of those triggers that any flow, running or not, has."""
        params: dict[str, object] = {
            "application_id": application_id,
            "types": list(trigger_types),
            "keys": list(keys),
        }
        rows = await self._tx.fetch("flow_awaited_configs", params)
        return [(row["type"], row["key"], row["config"].encode()) for row in rows]

    async def keys(self, application_id: str, trigger_type: str) -> Sequence[str]:
        """Return the keys of all triggers of a type that any flow, running or not, has."""
        params: dict[str, object] = {"application_id": application_id, "type": trigger_type}
        return [row["key"] for row in await self._tx.fetch("flow_trigger_keys", params)]

    async def all_keys(self, trigger_type: str) -> Sequence[tuple[str, str]]:
        """Return application and key of all triggers of a type, of every application."""
        rows = await self._tx.fetch("flow_trigger_all_keys", {"type": trigger_type})
        return [(row["application_id"], row["key"]) for row in rows]

    async def index(
        self,
        application_id: str,
        flow_id: str,
        version_id: str,
        triggers: Sequence[IndexedTrigger],
    ) -> None:
        """Set what a version is found by, in place of what it was."""
        own: dict[str, object] = {"flow_id": flow_id, "version_id": version_id}
        await self._tx.execute("flow_trigger_clear", own)
        rows = [
            {
                **own,
                "application_id": application_id,
                "position": trigger.position,
                "type": trigger.type,
                "key": trigger.key,
                "config": trigger.config.decode(),
            }
            for trigger in triggers
        ]
        if rows:
            await self._tx.execute_many("flow_trigger_add", rows)
        self.awaits_messages |= any(each.type == _ON_MESSAGES for each in triggers)

    async def using(self, application_id: str, trigger_types: Sequence[str], key: str) -> set[str]:
        """Return the ids of flows with such a trigger in any version, enabled or not."""
        found: set[str] = set()
        for trigger_type in trigger_types:
            params = {"application_id": application_id, "type": trigger_type, "key": key}
            found |= {row["flow_id"] for row in await self._tx.fetch("flow_using", params)}
        return found


class FlowStorageTable:
    """What flows keep; see ``drover.ports.flows.FlowStorage``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def get(self, flow_id: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values of those keys that have one."""
        params = {"flow_id": flow_id, "keys": list(keys)}
        return _values(await self._tx.fetch("flow_storage_get", params))

    async def all(self, flow_id: str, most_bytes: int) -> dict[str, bytes]:
        """Return every value, in order of their keys; raises TooLarge."""
        params = {"flow_id": flow_id}
        rows, full = await self._tx.fetch_within("flow_storage_all", params, "value", most_bytes)
        if full:
            raise TooLarge(f"More than {most_bytes} bytes are stored: read them key by key")
        return _values(rows)

    async def put(self, flow_id: str, key: str, value: bytes) -> None:
        """Store a value."""
        params = {"flow_id": flow_id, "key": key, "value": value.decode()}
        await self._tx.execute("flow_storage_put", params)

    async def takes(self, flow_id: str, key: str, most: int) -> bool:
        """Tell whether a value can be stored where a flow may have so many."""
        params = {"flow_id": flow_id, "key": key, "most": most}
        row = await self._tx.fetch_one("flow_storage_takes", params)
        return row is not None and bool(row["takes"])

    async def lock(self, flow_id: str) -> None:
        """Keep other units of work from changing the flow's values until this one ends."""
        await self._tx.fetch("flow_storage_lock", {"flow_id": flow_id})

    async def remove(self, flow_id: str, key: str) -> None:
        """Forget a value; one that is not there is no error."""
        await self._tx.execute("flow_storage_remove", {"flow_id": flow_id, "key": key})

    async def clear(self, flow_id: str) -> None:
        """Forget every value."""
        await self._tx.execute("flow_storage_clear", {"flow_id": flow_id})

    async def size(self, flow_id: str) -> tuple[int, int]:
        """Return how many keys there are, and how many bytes keys and values take."""
        row = await self._tx.fetch_one("flow_storage_size", {"flow_id": flow_id})
        return (0, 0) if row is None else (int(row["keys"]), int(row["bytes"]))


class FlowHistoryTables:
    """What became of runs; see ``drover.ports.flows.FlowHistory``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, counts: Sequence[RunCounts], notes: Sequence[RunNote]) -> None:
        """Add counts to those there are, and notes, and forget what is too old or too much."""
        if counts:
            added = [msgspec.structs.asdict(each) for each in counts]
            await self._tx.execute_many("flow_count_add", added)
        if notes:
            await self._tx.execute_many("flow_note_add", [_note_row(note) for note in notes])
            kept = {(each.flow_id, each.topic) for each in notes}
            full = [{"flow_id": flow, "topic": topic, "kept": KEPT_NOTES} for flow, topic in kept]
            await self._tx.execute_many("flow_note_prune", full)

    async def counts(
        self,
        flow_id: str,
        span_ms: tuple[int, int],
        *,
        newest: int | None = None,
        version: str | None = None,
    ) -> Sequence[RunCounts]:
        """Return the counts of a span, newest minute first, or the newest few of them."""
        params = {
            "flow_id": flow_id,
            "start_ms": span_ms[0],
            "end_ms": span_ms[1],
            "version": version,
            "limit": _ALL if newest is None else newest,
        }
        rows = await self._tx.fetch("flow_counts", params)
        return [RunCounts(**{name: row[name] for name in _COUNTED}) for row in rows]

    async def notes(
        self,
        flow_id: str,
        topic: str,
        span_ms: tuple[int, int],
        *,
        limit: int,
        version: str | None = None,
    ) -> Sequence[RunNote]:
        """Return the newest notes of a span, newest first; no version means all."""
        params = {
            "flow_id": flow_id,
            "topic": topic,
            "start_ms": span_ms[0],
            "end_ms": span_ms[1],
            "version": version,
            "limit": limit,
        }
        return [_note(row) for row in await self._tx.fetch("flow_notes", params)]


_COUNTED: Final = RunCounts.__struct_fields__


def _wanted(application_id: str, trigger_type: str, key: str) -> dict[str, object]:
    return {
        "application_id": application_id,
        "type": trigger_type,
        "key": key,
        "other_key": _WIDE.get(trigger_type, key),
    }


def _values(rows: Sequence[Row]) -> dict[str, bytes]:
    return {row["key"]: row["value"].encode() for row in rows}


def _note_row(note: RunNote) -> dict[str, object]:
    row: dict[str, Any] = msgspec.structs.asdict(note)
    # No NUL: PostgreSQL keeps none in text, and in JSON it is written as an escape.
    return row | {"document": msgspec.json.encode(note.document).decode()}


def _note(row: Row) -> RunNote:
    return RunNote(
        flow_id=row["flow_id"],
        version=row["version"],
        topic=row["topic"],
        time_ms=row["time_ms"],
        document=msgspec.json.decode(row["document"]),
    )


async def _to_run(tx: Transaction, row: Row) -> FlowToRun:
    tag, definition = await definition_of(tx, row)
    return FlowToRun(
        flow_id=row["flow_id"],
        tag=tag,
        definition=definition,
        trigger_index=row["position"],
        config=row["config"].encode(),
    )
