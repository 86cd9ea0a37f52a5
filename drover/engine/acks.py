"""Acknowledgements: from workers under a lease, and from anywhere else without one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog

from drover.model.iteration import Acknowledgement, check_accumulator, cut_message
from drover.ports.jobs import Refusal, Settlement
from drover.ports.runner import LeaseLost, Settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.engine.leases import HeldLease, Leases
    from drover.engine.signals import Signals
    from drover.ports.runner import FlowBatch

_LOG = structlog.get_logger("drover.engine")


class Acks:
    """Writes results of items, and wakes whoever goes on from there.

    ``fenced`` counts writes that were refused because their lease was lost.
    """

    def __init__(self, leases: Leases, signals: Signals) -> None:
        self.fenced = 0
        self._leases = leases
        self._signals = signals

    async def settle(self, batch: FlowBatch, rows: bytes, count: int) -> Settled:
        """Settle iterations of a batch under its lease; raises LeaseLost.

        What was begun is written and noted to its end even if the caller is cancelled: a chunk
        claimed with it would be nobody's otherwise.
        """
        held = self._leases.get(batch.lease_id)
        settlement = await asyncio.shield(self._settle(held, rows.decode(), count))
        return self._settled(held, settlement)

    async def _settle(self, held: HeldLease, rows: str, count: int) -> Settlement:
        async with held.settling:  # several flows of a job may acknowledge the same items
            settlement = await self._apply(held, rows, count)
            if settlement.unsettled == 0:
                held.following = held.following or settlement.following
                held.settled.set()
        return settlement

    async def _apply(self, held: HeldLease, rows: str, count: int) -> Settlement:
        if held.after is not None:  # what is claimed next depends on how that one was settled
            async with held.after.settling:
                pass
        under = None if held.settled.is_set() else held.held
        follow = held.follow if under else None
        number = held.lease.number
        settlement = await self._leases.flushes.write(
            number,
            lambda session: session.jobs.iterations.settle(number, rows, count, under, follow),
        )
        if under is not None:
            held.unsettled = settlement.unsettled
        return settlement

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
        settlement = await self._leases.flushes.write(
            number,
            lambda session: session.jobs.iterations.settle(number, text, len(checked), None),
        )
        self._signals.changed(settlement.execution)
        return settlement

    def _count_fenced(self, held: HeldLease, settlement: Settlement) -> None:
        fenced = sum(reason is Refusal.FENCED for reason in settlement.refused.values())
        if fenced:
            self.fenced += fenced
            _LOG.warning("write_fenced", execution=settlement.execution.id, items=fenced)
            held.lost.set()
            raise LeaseLost(held.id)
