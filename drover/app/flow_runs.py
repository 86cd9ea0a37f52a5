"""What becomes of runs: counted, their errors kept and handed to workflows waiting for them."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.payload_counts import BY_FLOW, RUNS, PayloadCounter
from drover.app.workflows import MOST_DEPTH
from drover.flows.keys import FLOW_ERROR, LOCAL, error_scope
from drover.ports.bus import Message, Silence
from drover.ports.flows import RunCounts, RunNote
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.bus import Bus
    from drover.ports.clock import Clock
    from drover.ports.runner import FlowBatch, RunRecord
    from drover.ports.store import Session, Store

MINUTE_MS: Final = 60_000
MOST_NOTES: Final = 200
"""Errors, and as many debug messages, kept of one batch."""

DEBUGGED: Final = "$debugged"
"""The topic between servers on which debug messages are told, each with its workflow."""

_OMITTED: Final = b"null"
_GLOBAL: Final = "global"


class _Trigger(msgspec.Struct):
    """What the counts tell of a trigger."""

    type: str = ""


class _Named(msgspec.Struct, rename="camel"):
    """What the history tells of a definition."""

    flow_version: str = "develop"
    flow_class: str = "cloud"
    triggers: tuple[_Trigger, ...] = ()


class FlowRuns:
    """Keeps counts for a moment, and writes them together; errors are written at once.

    ``flush`` is to be called every second or so, and once more at the end. Debug messages pass on
    ``bus``.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        counter: PayloadCounter | None = None,
        bus: Bus | None = None,
    ) -> None:
        self._bus = bus or Silence()
        self._counter = counter or PayloadCounter(clock)
        self._store = store
        self._clock = clock
        self._counts: dict[tuple[str, str, int], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])

    async def note(self, batch: FlowBatch, records: Sequence[RunRecord]) -> None:
        """Count a batch's runs; keep its errors and debug messages; fire the triggers on errors."""
        named = _named(batch.flow_tag, batch.flow)
        now_ms = self._clock.now_ms()
        self._count(batch, named.flow_version, now_ms, records)
        self._count_payloads(batch, named.triggers, records)
        notes = _notes(batch, named.flow_version, now_ms, records)
        if not notes:
            return
        failed = [
            (record, batch.payloads[index] if index < len(batch.payloads) else _OMITTED)
            for index, record in enumerate(records)
            if record.error is not None
        ]
        counts = self._taken()

        async def work(session: Session) -> None:
            await session.flows.history.add(counts, notes)
            await _fire(session, batch, named.flow_class, failed)

        await self._store.write(work)
        self._announce(batch.application_id, notes)

    def _announce(self, application_id: str, notes: Sequence[RunNote]) -> None:
        """Tell debug messages to those who watch."""
        for note in notes if self._bus.ready else ():
            if note.topic == "debug":
                told = (note.flow_id, {"flowVersion": note.version, **note.document})
                self._bus.publish(Message(application_id, DEBUGGED, msgspec.json.encode(told)))

    async def flush(self) -> None:
        """Write the counts kept so far."""
        counts = self._taken()
        if counts:
            await self._store.write(lambda session: session.flows.history.add(counts, ()))

    def _count_payloads(
        self, batch: FlowBatch, triggers: Sequence[_Trigger], records: Sequence[RunRecord]
    ) -> None:
        at = batch.trigger_index
        found = RUNS.get(triggers[at].type) if 0 <= at < len(triggers) else None
        if found is not None and records:
            size = sum(map(len, batch.payloads))
            self._counter.note(batch.application_id, *found, len(records), size)
        failed = sum(record.error is not None for record in records)
        if failed:
            self._counter.note(batch.application_id, "flowError", BY_FLOW, failed)

    def _count(
        self, batch: FlowBatch, version: str, now_ms: int, records: Sequence[RunRecord]
    ) -> None:
        if not batch.flow_id or not records:
            return
        counted = self._counts[batch.flow_id, version, now_ms - now_ms % MINUTE_MS]
        counted[0] += len(records)
        counted[1] += sum(record.paths_completed for record in records)
        counted[2] += sum(record.paths_failed for record in records)
        counted[3] += sum(record.wall_time_ms for record in records)

    def _taken(self) -> list[RunCounts]:
        taken, self._counts = self._counts, defaultdict(lambda: [0, 0, 0, 0.0])
        return [
            RunCounts(
                flow_id=flow_id,
                version=version,
                minute_ms=minute_ms,
                runs=int(runs),
                paths_completed=int(completed),
                paths_failed=int(failed),
                wall_ms=wall_ms,
            )
            for (flow_id, version, minute_ms), (runs, completed, failed, wall_ms) in taken.items()
        ]


@lru_cache(maxsize=256)
def _named(_tag: str, definition: bytes) -> _Named:
    return msgspec.json.decode(definition, type=_Named) if definition else _Named()


def _notes(
    batch: FlowBatch, version: str, now_ms: int, records: Sequence[RunRecord]
) -> list[RunNote]:
    errors = [_error_note(record.error) for record in records if record.error is not None]
    messages = [message for record in records for message in record.debug]
    told = [("error", document) for document in errors[:MOST_NOTES]]
    told += [("debug", document) for document in messages[:MOST_NOTES]]
    return [
        RunNote(
            flow_id=batch.flow_id, version=version, topic=topic, time_ms=now_ms, document=document
        )
        for topic, document in told
    ]


def _error_note(failure: dict[str, Any]) -> dict[str, Any]:
    error = failure["error"]
    return {
        "nodeId": failure.get("nodeId"),
        "nodeLabel": failure.get("nodeLabel"),
        "error": {"name": error["name"], "message": error["message"]},
    }


async def _fire(
    session: Session, batch: FlowBatch, flow_class: str, failed: Sequence[tuple[RunRecord, bytes]]
) -> None:
    """Store firings for the triggers on errors of the narrowest scope that has any."""
    if batch.caused_by_flow_error or batch.depth >= MOST_DEPTH or not failed:
        return
    for scope in (LOCAL, flow_class, _GLOBAL):
        key = error_scope(scope, batch.flow_id)
        if await session.flows.subscribed(batch.application_id, FLOW_ERROR, key):
            for record, started in failed:
                await session.jobs.add_firing(_firing(batch, key, record, started))
            return


def _firing(batch: FlowBatch, key: str, record: RunRecord, started: bytes) -> Firing:
    """Return the firing that tells of a failed run; ``started`` is the payload it began with."""
    failure = record.error or {}
    data: dict[str, Any] = {
        "errorInfo": {name: failure.get(name) for name in ("error", "nodeId", "nodeType")},
        "erroredPayload": msgspec.Raw(record.errored_payload or _OMITTED),
    }
    # What it began with counts too: a payload may be withheld, or lack what it once held.
    reply_id = _reply_id(record.errored_payload or _OMITTED) or _reply_id(started)
    if reply_id is not None:
        data["replyId"] = reply_id
    root = {
        "triggerId": f"{batch.flow_id}-{FLOW_ERROR}",
        "relayId": batch.flow_id,
        "relayType": "flow",
    }
    return Firing(
        application_id=batch.application_id,
        trigger_type=FLOW_ERROR,
        key=key,
        data=msgspec.json.encode(data),
        root=msgspec.json.encode(root),
        depth=batch.depth + 1,
    )


def _reply_id(payload: bytes) -> Any:
    if b'"replyId"' not in payload:
        return None
    root = msgspec.json.decode(payload)
    data = root.get("data") if isinstance(root, dict) else None
    return data.get("replyId") if isinstance(data, dict) else None
