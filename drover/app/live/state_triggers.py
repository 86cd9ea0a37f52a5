"""Workflows that wait for what devices report, and for their coming and going."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.app.flow_caller import depth_after
from drover.app.live.device_roots import root_of
from drover.app.live.silences import INACTIVITY, arm
from drover.app.workflows import DEFAULT, MOST_DEPTH
from drover.flows.keys import GROUP
from drover.flows.matching import AGE_MS, BATCH, ORIGINAL, SEEN
from drover.flows.payload import literal
from drover.model.instants import to_text
from drover.ports.jobs import Firing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from drover.app.device_reports import Change, Reported, Taken
    from drover.kinds.device import Device
    from drover.model.access import Caller
    from drover.ports.store import Session

STATE: Final = ("deviceId", "deviceTag")
REPORTS: Final = (*STATE, *INACTIVITY)
"""The triggers that reports concern."""

CONNECT: Final = ("deviceIdConnect", "deviceTagConnect")
DISCONNECT: Final = ("deviceIdDisconnect", "deviceTagDisconnect")


_Key = tuple[str, str]
"""A trigger's type and key."""


class _Awaited(NamedTuple):
    """A trigger's type and key that some workflow has.

    ``seen`` are those groups of triggers, each counting as one, that come before it;
    ``takes_invalid`` tells whether some workflow wants what cannot be read, too.
    """

    type: str
    key: str
    seen: tuple[str, ...] = ()
    takes_invalid: bool = False


class _Wish(NamedTuple):
    """What one workflow's trigger says: which others it counts as one with, what else it takes."""

    group: str | None
    takes_invalid: bool


class LiveTriggers:
    """Stores firings for state and for connections.

    See ``drover.app.device_reports.ReportHook``.
    """

    async def reported(
        self, session: Session, application_id: str, taken: Sequence[Taken], /
    ) -> None:
        """Fire for each report, and once more for those that came together."""
        devices = _devices(taken)
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
            (
                each,
                [(of.type, of.key) for of in awaited.get(each.id, ()) if of.type in INACTIVITY],
            )
            for each in _devices([each for each in taken if each.reports])
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
    keys = sorted({key for wished in wanted.values() for _, key in wished})
    found: dict[_Key, set[_Wish]] = defaultdict(set)
    for kind, key, config in await session.flows.awaited_configs(application_id, types, keys):
        found[kind, key].add(_wish(config))
    if not found:
        return {}
    return {device_id: _in_turn(wished, found) for device_id, wished in wanted.items()}


def _in_turn(wished: set[_Key], found: Mapping[_Key, set[_Wish]]) -> list[_Awaited]:
    """Return the triggers that there are, in order, each with what came before it."""
    before: set[str] = set()
    awaited: list[_Awaited] = []
    for each in sorted(wished & found.keys()):
        groups = {wish.group for wish in found[each] if wish.group is not None}
        takes_invalid = any(wish.takes_invalid for wish in found[each])
        awaited.append(_Awaited(*each, tuple(sorted(before & groups)), takes_invalid))
        before |= groups
    return awaited


def _devices(taken: Iterable[Taken]) -> list[Device]:
    return list({each.device.id: each.device for each in taken}.values())


@lru_cache(maxsize=4096)
def _wish(config: bytes) -> _Wish:
    given = msgspec.json.decode(config)
    return _Wish(given.get(GROUP), given.get("allowInvalid") is True)


def _keys(device: Device, types: Sequence[str]) -> Iterator[_Key]:
    """Yield what triggers of these types have to name: in turn the device's id, and its tags."""
    for by_id, by_tag in zip(types[::2], types[1::2], strict=True):
        yield by_id, device.id
        for tag in device.tags:
            for key in (f"{tag.key}/{tag.value}", f"{tag.key}/", f"/{tag.value}"):
                yield by_tag, key


def _state_firings(taken: Taken, trigger: _Awaited, now_ms: int) -> Iterator[Firing]:
    caller, device, reports = taken.caller, taken.device, taken.reports
    several = len(reports) > 1
    if taken.original is not None and trigger.takes_invalid:
        yield _firing(caller, device, trigger, None, {ORIGINAL: taken.original})
    for report in reports:
        root = _root(report, now_ms)
        if several:
            root[BATCH] = "each"
        yield _firing(caller, device, trigger, report.values, root, report.flow_version)
    if several:
        once = [_shown(report) for report in reports]
        yield _firing(caller, device, trigger, once, {BATCH: "once"})


def _root(report: Reported, now_ms: int) -> dict[str, Any]:
    root: dict[str, Any] = {
        "time": {"$date": to_text(report.time_ms)},
        AGE_MS: now_ms - report.time_ms,
    }
    return root if report.meta is None else {**root, "meta": literal(report.meta)}


def _firing(
    caller: Caller,
    device: Device,
    trigger: _Awaited,
    data: Any,
    more: Mapping[str, Any] | None = None,
    version: str | None = None,
) -> Firing:
    root = {
        "triggerId": device.id,
        "relayId": caller.id,
        "relayType": caller.type,
        **root_of(device),
        **(more or {}),
        **({SEEN: trigger.seen} if trigger.seen else {}),
    }
    return Firing(
        application_id=device.application_id,
        trigger_type=trigger.type,
        key=trigger.key,
        data=msgspec.json.encode(data),
        root=msgspec.json.encode(root),
        depth=depth_after(caller),
        flow_version=None if version == DEFAULT else version,
    )


def _shown(report: Reported) -> dict[str, Any]:
    shown = {"time": {"$date": to_text(report.time_ms)}, "data": report.values}
    return shown if report.meta is None else {**shown, "meta": literal(report.meta)}


def _connection_data(change: Change) -> dict[str, Any]:
    data = {"method": change.method, "secure": False, **change.details}
    names = {"ipAddress": "address", "messagesFromClient": "messagesFromDevice"}
    names["messagesToClient"] = "messagesToDevice"
    return {names.get(name, name): value for name, value in data.items()}


async def _add(session: Session, firings: Iterable[Firing]) -> None:
    wanted = [each for each in firings if each.depth <= MOST_DEPTH]
    if wanted:
        await session.jobs.firings.add(wanted, await session.now_ms())
