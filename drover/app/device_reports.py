"""What devices report and are told: state, commands, comings and goings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.devices import check_sight, everything, sight
from drover.kinds.device import KIND, Device
from drover.model.attributes import coerce
from drover.model.errors import Missing
from drover.model.fields import Key, Name
from drover.model.instants import to_text
from drover.model.moments import AnyMoment, moment_ms
from drover.ports.reports import LogEntry, Reading, Span
from drover.ports.resources import Listing, Page
from drover.query.tree import all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.access import Caller
    from drover.ports.clock import Clock, Ids
    from drover.ports.reports import LogTopic
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

DAY_MS: Final = 86_400_000
OLDEST_MS: Final = 30 * DAY_MS
"""Reports older than this are passed over."""
NEWEST_MS: Final = DAY_MS
"""Reports further ahead than this are passed over."""
MOST_REPORTS: Final = 1000
"""Reports that one request may bring."""
MOST_COMMANDED: Final = 1000


class StateReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Values that a device reports, of one moment."""

    data: dict[Key, str | bool | int | float | None]
    time: AnyMoment | UnsetType = UNSET
    meta: Any = UNSET
    flow_version: Name | UnsetType = UNSET


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Something a device is told to do."""

    name: Name
    time: AnyMoment | UnsetType = UNSET
    payload: Any = UNSET


class Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """That a device came or went."""

    status: Literal["connected", "disconnected"]
    connected_at: AnyMoment | UnsetType = UNSET
    disconnected_at: AnyMoment | UnsetType = UNSET
    disconnect_reason: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    messages_from_client: Annotated[int, Meta(ge=0, le=2147483647)] | UnsetType = UNSET
    messages_to_client: Annotated[int, Meta(ge=0, le=2147483647)] | UnsetType = UNSET
    ip_address: Annotated[str, Meta(min_length=2, max_length=39)] | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A stored report: ``values`` are of their attributes' types, ``time_ms`` the report's."""

    time_ms: int
    values: Mapping[str, Any]
    meta: Any = None
    flow_version: str | None = None


class ReportHook(Protocol):
    """What else belongs to a report, in the same unit of work; may run more than once."""

    async def reported(
        self, session: Session, caller: Caller, device: Device, reports: Sequence[Reported], /
    ) -> None:
        """Act on stored state."""
        ...

    async def commanded(
        self, session: Session, caller: Caller, devices: Sequence[Device], command: Command, /
    ) -> None:
        """Act on a stored command."""
        ...

    async def connection(
        self, session: Session, caller: Caller, device: Device, change: Connection, /
    ) -> None:
        """Act on a stored coming or going."""
        ...


class DeviceReports:
    """Take and show what devices report; tell them what to do."""

    def __init__(
        self, store: Store, ids: Ids, clock: Clock, hooks: Sequence[ReportHook] = ()
    ) -> None:
        self.clock = clock
        self._store = store
        self._ids = ids
        self._hooks = hooks

    async def record(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        reports: Sequence[StateReport],
    ) -> None:
        """Store what a device reports; raises Missing where the caller may not speak for it."""
        (failure,) = await self.record_all(caller, application_id, [(device_id, reports)])
        if failure is not None:
            raise failure

    async def record_all(
        self,
        caller: Caller,
        application_id: str,
        told: Sequence[tuple[str, Sequence[StateReport]]],
    ) -> list[Missing | None]:
        """Store what many devices report, in one unit of work.

        Tells for each why nothing of it was taken: the caller may not speak for the device.
        """

        async def work(session: Session) -> list[Missing | None]:
            devices = await devices_of(session, application_id, [each for each, _ in told])
            now_ms = await session.now_ms()
            taken = [
                (device, [each for one in reports if (each := _reported(device, one, now_ms))])
                for device_id, reports in told
                if (device := devices.get(device_id)) and _speaks_for(caller, device)
            ]
            await self._keep(session, caller, [(device, kept) for device, kept in taken if kept])
            heard = {device.id for device, _ in taken}
            return [None if each in heard else _missing() for each, _ in told]

        return await self._store.write(work)

    async def _keep(
        self, session: Session, caller: Caller, taken: Sequence[tuple[Device, Sequence[Reported]]]
    ) -> None:
        readings = [
            reading
            for device, kept in taken
            for each in kept
            for reading in _readings(caller, device, each)
        ]
        if readings:
            await session.reports.record(readings)
        for hook in self._hooks:
            for device, kept in taken:
                await hook.reported(session, caller, device, kept)

    async def history(
        self, caller: Caller, application_id: str, device_id: str, span: Span
    ) -> list[dict[str, Any]]:
        """Return what a device reported, moment by moment."""

        async def work(session: Session) -> list[dict[str, Any]]:
            await self._seen(session, caller, application_id, device_id)
            found = await session.reports.moments(device_id, span)
            return [{"time": to_text(time_ms), "data": values} for time_ms, values in found]

        return await self._store.read(work)

    async def composite(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        span: Span | None,
        attributes: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Return the newest value of each attribute of a device, of all time or of a span."""

        async def work(session: Session) -> dict[str, Any]:
            await self._seen(session, caller, application_id, device_id)
            found = await session.reports.latest([device_id], span)
            return by_device(found, attributes).get(device_id, {})

        return await self._store.read(work)

    async def composites(
        self,
        caller: Caller,
        application_id: str,
        listing: Listing,
        span: Span | None,
        attributes: frozenset[str] = frozenset(),
    ) -> Page[dict[str, Any]]:
        """Return the newest values of one page of devices."""

        async def work(session: Session) -> Page[dict[str, Any]]:
            asked = [sight(caller)] if listing.query is None else [sight(caller), listing.query]
            seen = replace(listing, query=all_of(asked))
            page = await session.resources.page(KIND, application_id, seen)
            found = await session.reports.latest([each.id for each in page.items], span)
            values = by_device(found, attributes)
            items = [
                {"id": each.id, "name": each.name, "compositeState": values.get(each.id, {})}
                for each in page.items
            ]
            return Page(items, page.total)

        return await self._store.read(work)

    async def forget(self, application_id: str, device_id: str, span: Span) -> None:
        """Delete what a device reported in a span; raises Missing."""

        async def work(session: Session) -> None:
            await session.resources.get(KIND, application_id, device_id)
            await session.reports.forget(device_id, span)

        await self._store.write(work)

    async def command(
        self, caller: Caller, application_id: str, chosen: Node, command: Command
    ) -> int:
        """Store a command for all devices chosen and return how many they are."""

        async def work(session: Session) -> int:
            listing = everything(all_of([chosen, sight(caller)]))
            found = await session.resources.page(KIND, application_id, listing)
            now_ms = await session.now_ms()
            lines = [_line(self._ids.new(), each, command, now_ms) for each in found.items]
            await session.reports.log(lines)
            for hook in self._hooks if lines else ():
                await hook.commanded(session, caller, found.items, command)
            return len(lines)

        return await self._store.write(work)

    async def command_one(
        self, caller: Caller, application_id: str, device_id: str, command: Command
    ) -> None:
        """Store a command for one device; raises Missing."""

        async def work(session: Session) -> None:
            device = await self._seen(session, caller, application_id, device_id)
            line = _line(self._ids.new(), device, command, await session.now_ms())
            await session.reports.log([line])
            for hook in self._hooks:
                await hook.commanded(session, caller, [device], command)

        await self._store.write(work)

    async def connection(
        self, caller: Caller, application_id: str, device_id: str, change: Connection
    ) -> None:
        """Note that a device came or went; raises Missing."""

        async def work(session: Session) -> None:
            device = await self._spoken_for(session, caller, application_id, device_id)
            now_ms = await session.now_ms()
            came = change.status == "connected"
            given = change.connected_at if came else change.disconnected_at
            time_ms = now_ms if given is UNSET else moment_ms(given, now_ms)
            await session.reports.connected(device_id, time_ms, connected=came)
            line = {"connected": int(came), "time": to_text(time_ms), **_told(change)}
            entry = LogEntry(
                device_id=device_id,
                topic="connection",
                id=self._ids.new(),
                time_ms=time_ms,
                document=line,
            )
            await session.reports.log([entry])
            for hook in self._hooks:
                await hook.connection(session, caller, device, change)

        await self._store.write(work)

    async def logged(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        topic: LogTopic,
        span: Span,
    ) -> Sequence[dict[str, Any]]:
        """Return lines of a device's log; raises Missing."""

        async def work(session: Session) -> Sequence[dict[str, Any]]:
            await self._seen(session, caller, application_id, device_id)
            return await session.reports.logged(device_id, topic, span)

        return await self._store.read(work)

    async def _seen(
        self, session: Session, caller: Caller, application_id: str, device_id: str
    ) -> Device:
        device = await session.resources.get(KIND, application_id, device_id)
        check_sight(caller, device)
        return device

    async def _spoken_for(
        self, session: Session, caller: Caller, application_id: str, device_id: str
    ) -> Device:
        device = await session.resources.get(KIND, application_id, device_id)
        if not _speaks_for(caller, device):
            raise _missing()
        return device


async def devices_of(
    session: Session, application_id: str, ids: Sequence[str]
) -> Mapping[str, Device]:
    """Return devices of an application by id; those that are not there are left out."""
    page = await session.resources.page(KIND, application_id, among(ids))
    return {each.id: each for each in page.items}


def among(ids: Sequence[str]) -> Listing:
    """Return the listing of all resources with these ids."""
    wanted = list(dict.fromkeys(ids))
    # One more than there can be, so that a full page is known to be all without counting.
    return Listing(sort_field="id", limit=len(wanted) + 1, among={"id": wanted})


def _speaks_for(caller: Caller, device: Device) -> bool:
    return caller.may_report_for(device.id, device.gateway_id or None)


def _missing() -> Missing:
    return Missing(f"{KIND.title} was not found")


def _reported(device: Device, report: StateReport, now_ms: int) -> Reported | None:
    """Return a report as it is stored, None when nothing of it can be."""
    given = None if report.time is UNSET else report.time
    time_ms = moment_ms(given, now_ms)
    if not now_ms - OLDEST_MS <= time_ms <= now_ms + NEWEST_MS:
        return None
    types = {attribute.name: attribute.data_type for attribute in device.attributes}
    values = {
        name: value
        for name, raw in report.data.items()
        if name in types and (value := coerce(types[name], raw)) is not None
    }
    if not values:
        return None
    return Reported(
        time_ms=time_ms,
        values=values,
        meta=None if report.meta is UNSET else report.meta,
        flow_version=report.flow_version or None,
    )


def _readings(caller: Caller, device: Device, report: Reported) -> list[Reading]:
    return [
        Reading(
            device_id=device.id,
            attribute=name,
            time_ms=report.time_ms,
            value=value,
            relay_id=caller.id,
            relay_type=caller.type,
        )
        for name, value in report.values.items()
    ]


def by_device(readings: Sequence[Reading], attributes: frozenset[str]) -> dict[str, dict[str, Any]]:
    """Return values by device and attribute as they are shown; no ``attributes`` means all."""
    found: dict[str, dict[str, Any]] = {}
    for each in readings:
        if not attributes or each.attribute in attributes:
            value = {"time": to_text(each.time_ms), "value": each.value}
            found.setdefault(each.device_id, {})[each.attribute] = value
    return found


def _line(line_id: str, device: Device, command: Command, now_ms: int) -> LogEntry:
    given = None if command.time is UNSET else command.time
    time_ms = moment_ms(given, now_ms)
    document = {"name": command.name, "time": to_text(time_ms)}
    if command.payload is not UNSET:
        document["payload"] = command.payload
    return LogEntry(
        device_id=device.id, topic="command", id=line_id, time_ms=time_ms, document=document
    )


def _told(change: Connection) -> dict[str, Any]:
    told = {
        "disconnectReason": change.disconnect_reason,
        "messagesFromClient": change.messages_from_client,
        "messagesToClient": change.messages_to_client,
        "ipAddress": change.ip_address,
    }
    return {name: value for name, value in told.items() if value is not UNSET}
