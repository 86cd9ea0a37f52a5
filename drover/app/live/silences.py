"""Workflows that wait for devices to fall silent: clocks started by reports, acted on once.

A clock belongs to a device, a trigger's type and key, and a length: other lengths are other clocks,
so that one whose trigger was changed runs down unheard. Source: Losant-compatible nodes, section 8.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.device_reports import devices_of
from drover.app.live.device_roots import root_of
from drover.flows.matching import SECONDS, SILENCE_S
from drover.model.instants import to_text
from drover.ports.jobs import Firing
from drover.ports.silences import Silence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drover.kinds.device import Device
    from drover.ports.store import Session, Store

INACTIVITY: Final = ("deviceIdInactivity", "deviceTagInactivity")
AT_A_TIME: Final = 500

Awaited = tuple[str, str]
"""A trigger's type and key."""


async def arm(
    session: Session,
    application_id: str,
    awaited: Iterable[tuple[Device, Sequence[Awaited]]],
    now_ms: int,
) -> None:
    """Start anew, for devices that have just reported, the clocks that some trigger waits for."""
    wanted = [(device, trigger) for device, triggers in awaited for trigger in triggers]
    if not wanted:
        return
    keys = sorted({key for _, (_, key) in wanted})
    lengths: dict[Awaited, set[float]] = defaultdict(set)
    for kind, key, config in await session.flows.awaited_configs(application_id, INACTIVITY, keys):
        lengths[kind, key].add(_seconds(msgspec.json.decode(config)))
    await session.silences.arm(
        [
            Silence(application_id, device.id, *trigger, seconds, now_ms)
            for device, trigger in wanted
            for seconds in lengths[trigger]
        ]
    )


class SilenceWatch:
    """Starts workflows for devices that have fallen silent. Any number of servers may watch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def tick(self) -> float | None:
        """Act on clocks that have run down; return in how many seconds the next one will."""
        fired = await self._store.write(_fire)
        if fired >= AT_A_TIME:
            return 0.0
        return await self._store.read(_rest)


async def _fire(session: Session) -> int:
    """Store firings for clocks that have run down; return how many there were."""
    now_ms = await session.now_ms()
    silences = await session.silences.take(now_ms, AT_A_TIME)
    of: dict[str, list[Silence]] = defaultdict(list)
    for each in silences:
        of[each.application_id].append(each)
    firings: list[Firing] = []
    for application_id, those in of.items():
        devices = await devices_of(session, application_id, [each.device_id for each in those])
        firings += [
            _firing(each, devices[each.device_id]) for each in those if each.device_id in devices
        ]
    if firings:
        await session.jobs.firings.add(firings, now_ms)
    return len(silences)


def _firing(silence: Silence, device: Device) -> Firing:
    length = _plain(silence.seconds)
    data = {"inactivitySeconds": length, "lastActivity": {"$date": to_text(silence.last_ms)}}
    root = {
        "triggerId": silence.device_id,
        "relayId": f"inactivity-{silence.device_id}-{length}",
        "relayType": "timer",
        **root_of(device),
        SECONDS: length,
    }
    return Firing(
        application_id=silence.application_id,
        trigger_type=silence.type,
        key=silence.key,
        data=msgspec.json.encode(data),
        root=msgspec.json.encode(root),
    )


async def _rest(session: Session) -> float | None:
    next_ms = await session.silences.next_ms()
    return None if next_ms is None else max(0.0, (next_ms - await session.now_ms()) / 1000)


def _seconds(config: dict[str, Any]) -> float:
    return float(config.get("seconds") or SILENCE_S)


def _plain(seconds: float) -> float:
    """Return whole seconds as a whole number, as they are configured and told."""
    return int(seconds) if seconds == int(seconds) else seconds
