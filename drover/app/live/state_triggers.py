"""Workflows that wait for what devices report, and for their coming and going."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.app.flow_caller import depth_after
from drover.app.live.silences import INACTIVITY, arm
from drover.app.workflows import MOST_DEPTH
from drover.flows.matching import AGE_MS, BATCH
from drover.model.instants import to_text
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from drover.app.device_reports import Change, Reported, Taken
    from drover.kinds.device import Device
    from drover.model.access import Caller
    from drover.ports.store import Session

STATE: Final = ("deviceId", "deviceTag")
REPORTS: Final = (*STATE, *INACTIVITY)
"""The triggers that reports concern."""

CONNECT: Final = ("deviceIdConnect", "deviceTagConnect")
DISCONNECT: Final = ("deviceIdDisconnect", "deviceTagDisconnect")


class _Awaited(NamedTuple):
    """A trigger's type and key that some workflow has."""

    type: str
    key: str


class LiveTriggers:
    """Stores firings for state and for connections, then has them acted on.

    See ``drover.app.device_reports.ReportHook``.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.kept = wake

    async def reported(
        self, session: Session, application_id: str, taken: Sequence[Taken], /
    ) -> None:
        """Fire for each report, and once more for those that came together."""
        devices = list({each.device.id: each.device for each in taken}.values())
        awaited = await _awaited(session, application_id, devices, REPORTS)
        if not awaited:
            return
        now_ms = await session.now_ms()
        firings = [
            firing
            for each in taken
            for trigger in awaited.get(each.device.id, ())
            if trigger.type in STATE
            for firing in _state_firings(each, trigger, now_ms)
        ]
        await _add(session, firings)
        heard = [
            (each, [found for found in awaited.get(each.id, ()) if found.type in INACTIVITY])
            for each in devices
        ]
        await arm(session, application_id, heard, now_ms)

    async def connection(
        self, session: Session, application_id: str, changes: Sequence[Change], /
    ) -> None:
        """Fire for each device that came or went."""
        devices = [each.device for each in changes]
        came = await _awaited(session, application_id, devices, CONNECT)
        went = await _awaited(session, application_id, devices, DISCONNECT)
        firings = [
            _firing(each.caller, each.device, trigger, _connection_data(each))
            for each in changes
            for trigger in (came if each.connected else went).get(each.device.id, ())
        ]
        await _add(session, firings)


async def _awaited(
    session: Session, application_id: str, devices: Sequence[Device], types: Sequence[str]
) -> Mapping[str, Sequence[_Awaited]]:
    """Return the triggers that some workflow has on each of these devices."""
    wanted = {device.id: set(_keys(device, types)) for device in devices}
    keys = sorted({each.key for wished in wanted.values() for each in wished})
    found = {
        _Awaited(*each) for each in await session.flows.awaited_keys(application_id, types, keys)
    }
    if not found:
        return {}
    return {device_id: sorted(wished & found) for device_id, wished in wanted.items()}


def _keys(device: Device, types: Sequence[str]) -> Iterator[_Awaited]:
    """Yield what triggers of these types have to name: in turn the device's id, and its tags."""
    for by_id, by_tag in zip(types[::2], types[1::2], strict=True):
        yield _Awaited(by_id, device.id)
        for tag in device.tags:
            for key in (f"{tag.key}/{tag.value}", f"{tag.key}/", f"/{tag.value}"):
                yield _Awaited(by_tag, key)


def _state_firings(taken: Taken, trigger: _Awaited, now_ms: int) -> Iterator[Firing]:
    caller, device, reports = taken.caller, taken.device, taken.reports
    several = len(reports) > 1
    for report in reports:
        root = _root(report, now_ms)
        if several:
            root[BATCH] = "each"
        yield _firing(caller, device, trigger, report.values, root)
    if several:
        once = [_shown(report) for report in reports]
        yield _firing(caller, device, trigger, once, {BATCH: "once"})


def _root(report: Reported, now_ms: int) -> dict[str, Any]:
    root: dict[str, Any] = {
        "time": {"$date": to_text(report.time_ms)},
        AGE_MS: now_ms - report.time_ms,
    }
    return root if report.meta is None else {**root, "meta": report.meta}


def _firing(
    caller: Caller,
    device: Device,
    trigger: _Awaited,
    data: Any,
    more: Mapping[str, Any] | None = None,
) -> Firing:
    root = {
        "triggerId": device.id,
        "relayId": caller.id,
        "relayType": caller.type,
        "deviceName": device.name,
        "deviceTags": _tags(device),
        **(more or {}),
    }
    return Firing(
        application_id=device.application_id,
        trigger_type=trigger.type,
        key=trigger.key,
        data=msgspec.json.encode(data),
        root=msgspec.json.encode(root),
        depth=depth_after(caller),
    )


def _tags(device: Device) -> dict[str, list[str]]:
    tags: dict[str, list[str]] = {}
    for tag in device.tags:
        tags.setdefault(tag.key, []).append(tag.value)
    return tags


def _shown(report: Reported) -> dict[str, Any]:
    shown = {"time": {"$date": to_text(report.time_ms)}, "data": report.values}
    return shown if report.meta is None else {**shown, "meta": report.meta}


def _connection_data(change: Change) -> dict[str, Any]:
    data = {"method": change.method, "secure": False, **change.details}
    names = {"ipAddress": "address", "messagesFromClient": "messagesFromDevice"}
    names["messagesToClient"] = "messagesToDevice"
    return {names.get(name, name): value for name, value in data.items()}


async def _add(session: Session, firings: Iterable[Firing]) -> None:
    wanted = [each for each in firings if each.depth <= MOST_DEPTH]
    if wanted:
        await session.jobs.firings.add(wanted, await session.now_ms())
