"""Runs flows for what happened: takes firings from the durable queue, many at a time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog

from drover.engine.payloads import execution_object, firing_payload
from drover.engine.sweeper import TIMEOUT
from drover.engine.targets import target_of
from drover.model.errors import DroverError
from drover.ports.jobs import TimedOut
from drover.ports.runner import FlowBatch, IterationBatch, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from drover.engine.signals import Signals
    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.flows import FlowToRun
    from drover.ports.jobs import Firing, LeasedFiring
    from drover.ports.runner import RunLog, Runner
    from drover.ports.store import Session, Store

    Matches = Callable[[bytes, Firing], bool]
    """Tells whether a trigger's config (JSON) wants a firing."""

_LOG = structlog.get_logger("drover.engine")
_AT_A_TIME: Final = 200
_FLOW_ERROR: Final = "flowError"
_TIMED_OUT: Final = msgspec.json.Decoder(TimedOut)

_Group = tuple[str, str, str, str | None, str | None, int | None, int]


class Batch(NamedTuple):
    """Firings taken together, and until when."""

    firings: Sequence[LeasedFiring]
    until_ms: int


class FiringDispatcher:
    """Acts on each firing at least once; one that keeps failing is given up after some tries."""

    def __init__(
        self,
        store: Store,
        runner: Runner,
        log: RunLog,
        timing: Timing,
        signals: Signals,
        matches: Matches = lambda _config, _firing: True,
    ) -> None:
        self._store = store
        self._runner = runner
        self._log = log
        self._timing = timing
        self._signals = signals
        self._matches = matches
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def tick(self) -> float | None:
        """Take what is due and start running it; return in how many seconds more is due."""
        if self._stopping or len(self._running) >= max(1, self._runner.capacity // 2):
            return None
        taken = await self._store.write(self._take)
        if not taken.firings:
            return await self._store.read(_rest)
        for group in _grouped(taken.firings).values():
            task = asyncio.create_task(self._act(Batch(group, taken.until_ms)))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return 0.0 if len(taken.firings) == _AT_A_TIME else None

    def stop(self) -> None:
        """Take nothing more."""
        self._stopping = True

    async def drain(self, seconds: float) -> None:
        """Wait for what runs; what has not ended then is acted on again later."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._signals.fire.set()

    async def _take(self, session: Session) -> Batch:
        now_ms = await session.now_ms()
        until_ms = now_ms + self._timing.lease_ms
        return Batch(await session.jobs.firings.lease(_AT_A_TIME, now_ms, until_ms), until_ms)

    async def _act(self, batch: Batch) -> None:
        running = asyncio.ensure_future(self._run(batch))
        try:
            batch = await self._beat_while(running, batch)
            running.result()
        except (WorkerLost, DroverError) as error:
            _LOG.warning("firings_failed", error=str(error), firings=len(batch.firings))
            batch = self._given_up(batch)
        except Exception:  # noqa: BLE001 - tried again a few times, then given up
            _LOG.exception("firings_failed", firings=len(batch.firings))
            batch = self._given_up(batch)
        finally:
            running.cancel()
        if batch.firings:
            await self._done(batch)

    def _given_up(self, batch: Batch) -> Batch:
        """Return those that were tried often enough; the others come back when their lease ends."""
        tries = self._timing.tries
        return Batch([each for each in batch.firings if each.tries >= tries], batch.until_ms)

    async def _beat_while(self, running: asyncio.Future[None], batch: Batch) -> Batch:
        """Renew the leases of the firings until they have been acted on."""
        beat_s = self._timing.beat_ms / 1000
        while True:
            await asyncio.wait([running], timeout=beat_s)
            if running.done():
                return batch
            batch = await self._store.write(partial(self._renew, batch))

    async def _renew(self, batch: Batch, session: Session) -> Batch:
        until_ms = await session.now_ms() + self._timing.lease_ms
        numbers = [each.number for each in batch.firings]
        await session.jobs.firings.renew(numbers, batch.until_ms, until_ms)
        return Batch(batch.firings, until_ms)

    async def _done(self, batch: Batch) -> None:
        numbers = [each.number for each in batch.firings]
        await self._store.write(lambda session: session.jobs.firings.done(numbers, batch.until_ms))

    async def _run(self, batch: Batch) -> None:
        first = batch.firings[0].firing
        flows = await self._store.read(
            lambda session: session.flows.subscribed(
                first.application_id,
                first.trigger_type,
                first.key,
                flow_id=first.flow_id,
                version=first.flow_version,
            )
        )
        for flow in flows:
            await self._run_flow(flow, batch.firings)

    async def _run_flow(self, flow: FlowToRun, firings: Sequence[LeasedFiring]) -> None:
        leased = [each for each in firings if self._matches(flow.config, each.firing)]
        if not leased:
            return
        first = leased[0].firing
        given = await self._given(first, leased)
        batch = FlowBatch(
            application_id=first.application_id,
            flow_id=flow.flow_id,
            flow_tag=flow.tag,
            flow=flow.definition,
            trigger_index=flow.trigger_index,
            caused_by_flow_error=first.trigger_type == _FLOW_ERROR,
            depth=first.depth,
            deadline_ms=self._timing.run_ms,
            firings=[each.number for each in leased],
            told=[each.told for each in leased],
            **given,
        )
        await self._log.note(batch, await self._runner.run(batch))

    async def _given(self, first: Firing, leased: Sequence[LeasedFiring]) -> dict[str, Any]:
        if first.trigger_type == TIMEOUT and first.execution is not None:
            number, wanted = first.execution, [each.firing for each in leased]
            iterations = await self._store.read(lambda session: _timeouts(session, number, wanted))
            return {"iterations": iterations}
        return {"payloads": [firing_payload(each.firing, each.fired_ms) for each in leased]}


def _grouped(firings: Iterable[LeasedFiring]) -> dict[_Group, list[LeasedFiring]]:
    groups: dict[_Group, list[LeasedFiring]] = {}
    for leased in firings:
        each = leased.firing
        key = (
            each.application_id,
            each.trigger_type,
            each.key,
            each.flow_id,
            each.flow_version,
            each.execution,
            each.depth,
        )
        groups.setdefault(key, []).append(leased)
    return groups


async def _rest(session: Session) -> float | None:
    next_ms = await session.jobs.firings.next_ms()
    return None if next_ms is None else max(0.0, (next_ms - await session.now_ms()) / 1000)


async def _timeouts(session: Session, number: int, firings: Sequence[Firing]) -> IterationBatch:
    execution: Execution = await session.jobs.executions.get_number(number)
    pace, target = execution.pace, target_of(execution)
    ended = [_TIMED_OUT.decode(each.data) for each in firings]
    ids = [each.resource_id for each in ended]
    documents = await session.jobs.iterations.resources(target.resource_type, ids)
    return IterationBatch(
        execution_id=execution.id,
        job_id=execution.job_id or "",
        trigger_type=TIMEOUT,
        resource_type=target.resource_type,
        execution=msgspec.json.encode(execution_object(execution)),
        resource_ids=ids,
        documents=[documents.get(each, b"{}") for each in ids],
        attempts=[each.attempt for each in ended],
        # Whether it is tried again was decided when it timed out: the count then tells.
        retries=[0 if each.again else pace.max_retries for each in ended],
        max_retries=pace.max_retries,
        retry_on_failure=pace.retry_on_failure,
        retry_on_timeout=pace.retry_on_timeout,
        serial=pace.serial,
        accumulator=execution.accumulator,
        started_ms=[each.started_ms for each in ended],
        time_ms=await session.now_ms(),
    )
