"""Ends what the workers of beacon jobs have left behind: leases and times that have run out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from drover.model.beacon_job import expire
from drover.model.execution import State

if TYPE_CHECKING:
    from drover.engine.signals import Signals
    from drover.model.beacon_job import BeaconJob
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.engine")
_AT_A_TIME: Final = 100


class BeaconClocks:
    """Any number of servers may look: each job is held while it is changed."""

    def __init__(self, store: Store, signals: Signals, lease_ms: int) -> None:
        """Look for jobs; ``lease_ms`` is what one without a lease has left when cancelled."""
        self._store = store
        self._signals = signals
        self._lease_ms = lease_ms

    async def tick(self) -> None:
        """Queue jobs again whose lease ran out, or end them; twice does no harm."""
        while expired := await self._store.write(partial(_expire, lease_ms=self._lease_ms)):
            for job in expired:
                _LOG.warning("beacon_job_expired", number=job.number, status=job.status)
            if any(job.state is State.QUEUED for job in expired):
                self._signals.beacons.set()
            if any(job.callback_url for job in expired):
                self._signals.callbacks.set()
            if len(expired) < _AT_A_TIME:
                return


async def _expire(session: Session, *, lease_ms: int) -> list[BeaconJob]:
    now_ms = await session.now_ms()
    await session.beacons.put_clock(now_ms + lease_ms)
    expired: list[BeaconJob] = []
    for seen in await session.beacons.expired(now_ms, _AT_A_TIME):
        expired.append(expire(seen, now_ms))
        # It is held: nobody else has changed it.
        await session.beacons.save(seen, expired[-1], discarded=True)
    return expired
