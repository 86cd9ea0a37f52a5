"""Acknowledgements: from workers under a lease, and from anywhere else without one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from drover import tracing
from drover.model.iteration import Acknowledgement, check_accumulator, cut_message
from drover.ports.jobs import Refusal, Settlement, Unlike
from drover.ports.runner import LeaseLost, Settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.engine.leases import HeldLease, Leases
    from drover.engine.signals import Signals
    from drover.ports.jobs import Held
    from drover.ports.runner import FlowBatch

_LOG = structlog.get_logger("drover.engine")


class _Given(NamedTuple):
    """Acknowledgements of a batch: as JSON rows, or ``alike`` for all of these resources."""

    size: int
    rows: str = ""
    alike: Acknowledgement | None = None
    ids: Sequence[str] = ()

    def by_id(self) -> str:
        """Return them as JSON rows."""
        if self.alike is None:
            return self.rows
        rows = [msgspec.structs.replace(self.alike, resource_id=each) for each in self.ids]
        return msgspec.json.encode(rows).decode()


class Acks:
    """Writes results of items, and wakes whoever goes on from there.

    ``fenced`` counts writes that were refused because their lease was lost.
    """

    def __init__(self, leases: Leases, signals: Signals) -> None:
        self.fenced = 0
        self._leases = leases
        self._signals = signals

    async def settle(self, batch: FlowBatch, rows: bytes, count: int) -> Settled:
        """Settle iterations of a batch under its lease; raises LeaseLost."""
        return await self._settle(batch, _Given(count, rows.decode()))

    async def settle_all(self, batch: FlowBatch, given: Acknowledgement) -> Settled:
        """Settle all iterations of a batch alike under its lease; raises LeaseLost."""
        ids = batch.iterations.resource_ids if batch.iterations is not None else ()
        return await self._settle(batch, _Given(len(ids), alike=given, ids=ids))

    async def _settle(self, batch: FlowBatch, given: _Given) -> Settled:
        """Settle under a lease.

        What was begun is written and noted to its end even if the caller is cancelled: a chunk
        claimed with it would be nobody's otherwise.
        """
        held = self._leases.get(batch.lease_id)
        with tracing.span("settle", held.execution.id, given.size):
            settlement = await asyncio.shield(self._note(held, given))
        return self._settled(held, settlement)

    async def _note(self, held: HeldLease, given: _Given) -> Settlement:
        async with held.settling:  # several flows of a job may acknowledge the same items
            settlement = await self._apply(held, given)
            if settlement.unsettled == 0:
                held.following = held.following or settlement.following
                held.settled.set()
        return settlement

    async def _apply(self, held: HeldLease, given: _Given) -> Settlement:
        if held.after is not None:  # what is claimed next depends on how that one was settled
            async with held.after.settling:
                pass
        under = None if held.settled.is_set() else held.held
        settlement = await self._write(held, given, under)
        if under is not None:
            held.unsettled = settlement.unsettled
        return settlement

    async def _write(self, held: HeldLease, given: _Given, under: Held | None) -> Settlement:
        number, write = held.lease.number, self._leases.flushes.write
        follow = held.follow if under else None
        alike = given.alike
        if under is not None and alike is not None and under.unsettled == given.size:
            whole = under
            with suppress(Unlike):  # some were acknowledged from elsewhere: each by its id then
                return await write(
                    number,
                    lambda session: session.jobs.iterations.settle_all(
                        number, alike, whole, follow
                    ),
                )
        rows, count = given.by_id(), given.size
        return await write(
            number,
            lambda session: session.jobs.iterations.settle(number, rows, count, under, follow),
        )

    def _settled(self, held: HeldLease, settlement: Settlement) -> Settled:
        execution = settlement.execution
        self._signals.changed(execution)
        if settlement.refused:
            self._count_fenced(held, settlement)
        return Settled(
            started_ms=held.lease.started_ms,
            completed_ms=settlement.now_ms,
            refused={each: reason.value for each, reason in settlement.refused.items()},
            serial=execution.pace.serial,
            accumulator=execution.accumulator,
        )

    async def acknowledge(self, number: int, given: Sequence[Acknowledgement]) -> Settlement:
        """Settle items from outside a lease; raises Missing, Invalid."""
        checked = [
            Acknowledgement(
                each.resource_id,
                each.ok,
                cut_message(each.message),
                check_accumulator(each.accumulator),
            )
            for each in given
        ]
        text = msgspec.json.encode(checked).decode()
        with tracing.span("settle", items=len(checked)) as span:
            settlement = await self._leases.flushes.write(
                number,
                lambda session: session.jobs.iterations.settle(number, text, len(checked), None),
            )
            span.set_attribute(tracing.EXECUTION, settlement.execution.id)
        self._signals.changed(settlement.execution)
        return settlement

    def _count_fenced(self, held: HeldLease, settlement: Settlement) -> None:
        fenced = sum(reason is Refusal.FENCED for reason in settlement.refused.values())
        if fenced:
            self.fenced += fenced
            _LOG.warning("write_fenced", execution=settlement.execution.id, items=fenced)
            held.lost.set()
            raise LeaseLost(held.id)
