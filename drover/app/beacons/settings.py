"""What is set for a beacon: whether its jobs are handed out, how long its workers may be silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from drover.app.beacons.sights import check_changes

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from drover.app.beacons.recent import RecentJobs
    from drover.model.access import Caller
    from drover.ports.beacons import Setting
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.beacons")


class BeaconSettings:
    """An administrator sets a beacon for everybody, others for the jobs of their own account.

    ``wake`` is set when jobs may be handed out again.
    """

    def __init__(self, store: Store, wake: asyncio.Event, recent: RecentJobs) -> None:
        self._store = store
        self._recent = recent
        self._wake = wake

    async def put(
        self,
        caller: Caller,
        name: str,
        *,
        paused: bool | None = None,
        lease_ms: int | None = None,
    ) -> Setting:
        """Pause or resume a beacon, or set its lease; return what is set. Raises Forbidden."""
        check_changes(caller)
        owner_id = scope_of(caller)
        self._recent.will_be_set(name)

        async def work(session: Session) -> Setting:
            await session.beacons.put_setting(name, owner_id, paused=paused, lease_ms=lease_ms)
            found = await session.beacons.settings()
            return next(each for each in found if (each.name, each.owner_id) == (name, owner_id))

        done = await self._store.write(work)
        _LOG.info("beacon_set", beacon=name, paused=done.paused, by=caller.id)
        self._wake.set()
        return done

    async def all(self, caller: Caller) -> Sequence[Setting]:
        """Return what is set for beacons, for everybody and for the caller's own jobs."""
        found = await self._store.read(lambda session: session.beacons.settings())
        return [each for each in found if each.owner_id in ("", caller.user_id)]


def scope_of(caller: Caller) -> str:
    """Return whose jobs a caller sets beacons for: the account's, or everybody's."""
    return "" if caller.is_administrator else caller.user_id or ""
