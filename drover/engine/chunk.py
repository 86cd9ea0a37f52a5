"""Runs one claimed chunk: every subscribed flow, once for each of its items."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog

from drover import tracing
from drover.engine.payloads import execution_object
from drover.engine.targets import target_of
from drover.model.iteration import RESOURCE_GONE, Acknowledgement
from drover.ports.runner import FlowBatch, IterationBatch, LeaseLost, NotBegun, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from drover.engine.acks import Acks
    from drover.engine.leases import HeldLease, Leases
    from drover.engine.timing import Timing
    from drover.ports.flows import FlowToRun
    from drover.ports.jobs import Claim, ClaimedItem
    from drover.ports.runner import RunLog, Runner, RunRecord
    from drover.ports.store import Store

_LOG = structlog.get_logger("drover.engine")

_FRESH_MS = 1000
_REMEMBERED = 1000

ITERATION = "resourceJobIteration"


class _Work(NamedTuple):
    """What a chunk needs from the store before it can run."""

    items: list[ClaimedItem]
    flows: Sequence[FlowToRun]
    now_ms: int


class Chunks:
    """Runs chunks; whatever happens, the lease is given up or left to expire."""

    def __init__(
        self,
        store: Store,
        runner: Runner,
        leases: Leases,
        acks: Acks,
        log: RunLog,
        timing: Timing,
    ) -> None:
        self._store = store
        self._runner = runner
        self._leases = leases
        self._acks = acks
        self._log = log
        self._timing = timing
        self._known: dict[int, tuple[int, Sequence[FlowToRun]]] = {}

    async def run(self, held: HeldLease) -> None:
        """Run a chunk to its end: settled, awaiting acknowledgement, or handed back."""
        claim = held.claim
        try:
            with tracing.span("chunk", claim.execution.id, claim.lease.size):
                await self._run(held, claim)
        except LeaseLost:
            await _to_its_end(self._leases.end(held))
        except NotBegun:
            held.unbegun = True
            await _to_its_end(self._leases.put_back(held))
        except (WorkerLost, asyncio.CancelledError) as error:
            lost = isinstance(error, WorkerLost)
            _LOG.warning("chunk_handed_back", execution=claim.execution.id, worker_lost=lost)
            await _to_its_end(self._leases.give_back(held, lost=lost))
            if not lost:
                raise
        except Exception:
            self._leases.drop(held)  # it is renewed no more, so what is unfinished is handed on
            raise
        else:
            await _to_its_end(self._leases.end(held))

    async def _run(self, held: HeldLease, claim: Claim) -> None:
        work = await self._gather(claim)
        held.flows = len(work.flows)
        if held.after is not None and held.flows != 1:
            raise NotBegun  # several flows end at different times: there is no one to come after
        present = [item for item in work.items if item.document is not None]
        batches = [
            msgspec.structs.replace(each, alone=claim.suspect, deadline_ms=self._timing.run_ms)
            for each in _batches(held, work, present)
        ]
        if len(present) < len(work.items):
            await self._settle_gone(held, claim, work.items)
        if not present or not batches:
            return
        running = [asyncio.ensure_future(self._run_batch(held, batch)) for batch in batches]
        losing: asyncio.Future[Any] = asyncio.ensure_future(held.lost.wait())
        try:
            await _all_or_lost(running, losing)
        finally:
            for task in (*running, losing):
                task.cancel()
            await asyncio.gather(*running, losing, return_exceptions=True)

    async def _run_batch(self, held: HeldLease, batch: FlowBatch) -> None:
        if held.after is None:
            records = await self._runner.run(batch)
        else:
            records = await self._run_after(held, held.after, batch)
        await self._log.note(batch, records)

    async def _run_after(
        self, held: HeldLease, before: HeldLease, batch: FlowBatch
    ) -> list[RunRecord]:
        """Hand a batch to the worker that runs the one before; raises NotBegun."""
        if not before.settled.is_set():
            waiting = msgspec.structs.replace(batch, after=before.id, patience_ms=held.fresh_ms)
            try:
                return await self._runner.run(waiting)
            except NotBegun:
                if not before.settled.is_set():
                    raise
        if not held.fresh_ms:
            raise NotBegun
        return await self._runner.run(batch)

    async def _gather(self, claim: Claim) -> _Work:
        resource_type = target_of(claim.execution).resource_type
        items = await self._store.read(
            lambda session: session.jobs.iterations.documents(claim, resource_type)
        )
        return _Work(items, await self._flows(claim), claim.lease.started_ms)

    async def _flows(self, claim: Claim) -> Sequence[FlowToRun]:
        """Return the flows to run, looked up again when what is known is a second old."""
        execution, moment = claim.execution, claim.lease.started_ms
        known = self._known.get(execution.number)
        if known is not None and moment - known[0] < _FRESH_MS:
            return known[1]
        flows = await self._store.read(
            lambda session: session.flows.subscribed(
                execution.application_id or "", ITERATION, execution.job_id or ""
            )
        )
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[execution.number] = (moment, flows)
        return flows

    async def _settle_gone(
        self, held: HeldLease, claim: Claim, items: Sequence[ClaimedItem]
    ) -> None:
        gone = [
            Acknowledgement(item.resource_id, ok=False, message=RESOURCE_GONE)
            for item in items
            if item.document is None
        ]
        batch = FlowBatch(
            application_id=claim.execution.application_id or "",
            flow_id="",
            flow_tag="",
            flow=b"",
            trigger_index=0,
            lease_id=held.id,
        )
        await self._acks.settle(batch, msgspec.json.encode(gone), len(gone))


async def _to_its_end(work: Awaitable[None]) -> None:
    """Await what is not broken off: who is cancelled meanwhile is so once it is done."""
    doing = asyncio.ensure_future(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.gather(doing, return_exceptions=True)
        raise


def _batches(held: HeldLease, work: _Work, items: Sequence[ClaimedItem]) -> list[FlowBatch]:
    if not work.flows:
        return []
    execution = held.execution
    iterations = _iterations(held, work.now_ms, items)
    return [
        FlowBatch(
            application_id=execution.application_id or "",
            flow_id=flow.flow_id,
            flow_tag=flow.tag,
            flow=flow.definition,
            trigger_index=flow.trigger_index,
            iterations=iterations,
            execution_id=execution.id,
            lease_id=held.id,
            fence=held.lease.fence,
        )
        for flow in work.flows
    ]


def _iterations(held: HeldLease, now_ms: int, items: Sequence[ClaimedItem]) -> IterationBatch:
    execution = held.execution
    pace = execution.pace
    return IterationBatch(
        execution_id=execution.id,
        job_id=execution.job_id or "",
        trigger_type=ITERATION,
        resource_type=target_of(execution).resource_type,
        execution=msgspec.json.encode(execution_object(execution)),
        resource_ids=[item.resource_id for item in items],
        documents=[item.document or b"" for item in items],
        attempts=[item.attempt for item in items] if pace.retries else None,
        retries=[item.retries for item in items] if pace.retries else None,
        max_retries=pace.max_retries,
        retry_on_failure=pace.retry_on_failure,
        retry_on_timeout=pace.retry_on_timeout,
        serial=pace.serial,
        accumulator=execution.accumulator,
        time_ms=now_ms,
    )


async def _all_or_lost(
    running: Sequence[asyncio.Future[None]], losing: asyncio.Future[Any]
) -> None:
    """Wait for all batches; raises what one raises, LeaseLost when the lease is lost first."""
    pending: set[asyncio.Future[Any]] = {*running, losing}
    while pending != {losing}:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if losing in done:
            raise LeaseLost
        for task in done:
            task.result()
