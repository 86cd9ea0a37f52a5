"""What devices report: state, comings and goings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.devices import check_sight, within_sight
from drover.app.payload_counts import PayloadCounter, source_of
from drover.app.report_telling import messages_of
from drover.kinds.device import KIND, Device
from drover.model.access import Caller
from drover.model.attributes import coerce
from drover.model.bodies import decode
from drover.model.errors import Invalid, Missing
from drover.model.fields import Key, Name
from drover.model.instants import to_text
from drover.model.moments import AnyMoment, moment_ms
from drover.ports.bus import Message, Silence
from drover.ports.reports import LogEntry, Reading, Span, up_to
from drover.ports.resources import Listing, Page

if TYPE_CHECKING:
    from drover.app.report_telling import StoredReport
    from drover.ports.bus import Bus
    from drover.ports.clock import Clock, Ids
    from drover.ports.reports import LogTopic
    from drover.ports.store import Session, Store

DAY_MS: Final = 86_400_000
OLDEST_MS: Final = 30 * DAY_MS
"""Reports older than this are passed over."""
NEWEST_MS: Final = DAY_MS
"""Reports further ahead than this are passed over."""

REPORTED: Final = "$reported"
"""The topic between servers on which stored reports are told: device, moment and values of each."""

_VERSION: Final = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\0]*\Z")]

MOST_REPORTS: Final = 1000
"""Reports that one request may bring."""


class StateReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Values that a device reports, of one moment."""

    data: dict[Key, str | bool | int | float | None]
    time: AnyMoment | UnsetType = UNSET
    meta: Any = UNSET
    flow_version: Name | UnsetType = UNSET


def reports_in(body: bytes) -> list[StateReport]:
    """Return the report, or the several, that a body holds; raises Invalid."""
    several = body.lstrip().startswith(b"[")
    reports = decode(body, list[StateReport]) if several else [decode(body, StateReport)]
    if len(reports) > MOST_REPORTS:
        raise Invalid(f"At most {MOST_REPORTS} reports are taken at a time")
    return reports


class Connection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """That a device came or went."""

    status: Literal["connected", "disconnected"]
    connected_at: AnyMoment | UnsetType = UNSET
    disconnected_at: AnyMoment | UnsetType = UNSET
    disconnect_reason: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    messages_from_client: Annotated[int, Meta(ge=0, le=2147483647)] | UnsetType = UNSET
    messages_to_client: Annotated[int, Meta(ge=0, le=2147483647)] | UnsetType = UNSET
    ip_address: Annotated[str, Meta(min_length=2, max_length=39)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what only a device that went can be told with; raises ValueError."""
        if self.status == "connected" and (_parting(self) or self.disconnected_at is not UNSET):
            raise ValueError("a device that came has nothing of a disconnection")


class Reported(Struct, frozen=True, kw_only=True):
    """A stored report: ``values`` are of their attributes' types, ``time_ms`` the report's."""

    time_ms: int
    values: Mapping[str, Any]
    meta: Any = None
    flow_version: str | None = None


class Told(Struct, frozen=True):
    """What somebody says that a device reports.

    ``said_ms`` is the moment of reports that tell none, and what ages count from; None for now.
    ``original`` is what was said where it could not be read.
    """

    caller: Caller
    device_id: str
    reports: Sequence[StateReport]
    said_ms: int | None = None
    original: str | None = None


class Taken(Struct, frozen=True):
    """Reports of a device that were stored; ``reports`` is empty when none could be.

    ``original`` is what was said where it could not be read.
    """

    caller: Caller
    device: Device
    reports: Sequence[Reported]
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """That a device came or went: ``details`` is what the log says of it."""

    caller: Caller
    device: Device
    connected: bool
    time_ms: int
    details: Mapping[str, Any]
    method: Literal["mqtt", "rest"] = "rest"


class ReportHook(Protocol):
    """What else belongs to a report, in the same unit of work; may run more than once."""

    async def reported(
        self, session: Session, application_id: str, taken: Sequence[Taken], /
    ) -> None:
        """Act on stored state."""
        ...

    async def connection(
        self, session: Session, application_id: str, changes: Sequence[Change], /
    ) -> None:
        """Act on stored comings and goings."""
        ...


class DeviceReports:
    """Take and show what devices report."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        clock: Clock,
        hooks: Sequence[ReportHook] = (),
        bus: Bus | None = None,
        counter: PayloadCounter | None = None,
    ) -> None:
        self.clock = clock
        self.counter = counter or PayloadCounter(clock)
        self._store = store
        self._ids = ids
        self._hooks = hooks
        self._bus = bus or Silence()

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
        heard = [Told(caller, device_id, reports) for device_id, reports in told]

        async def work(session: Session) -> list[Taken | None]:
            return await self.take(session, application_id, heard)

        taken = await self._store.write(work)
        self._count(taken)
        self.announce(taken)
        return [_missing() if each is None else None for each in taken]

    async def take(
        self, session: Session, application_id: str, told: Sequence[Told]
    ) -> list[Taken | None]:
        """Store inside a unit of work what was told of devices of one application.

        None stands where the caller may not speak for the device.
        """
        devices = await devices_of(session, application_id, [each.device_id for each in told])
        reporters = {device_id: _Reporter.of(device) for device_id, device in devices.items()}
        now_ms = await session.now_ms()
        taken = [_taken(each, reporters.get(each.device_id), now_ms) for each in told]
        kept = [each for each in taken if each and (each.reports or each.original is not None)]
        readings = [
            reading
            for each in kept
            for report in each.reports
            for reading in _readings(each.caller, each.device, report)
        ]
        if readings:
            await session.reports.record(readings)
        for hook in self._hooks if kept else ():
            await hook.reported(session, application_id, kept)
        return taken

    def _count(self, taken: Sequence[Taken | None]) -> None:
        for each in filter(None, taken):
            if each.reports:
                size = sum(len(msgspec.json.encode(report.values)) for report in each.reports)
                source = source_of(each.caller)
                of = each.device.application_id
                self.counter.note(of, "deviceState", source, len(each.reports), size)

    def announce(self, taken: Sequence[Taken | None]) -> None:
        """Tell those who watch what was stored."""
        if not self._bus.ready:
            return
        told: dict[str, list[StoredReport]] = {}
        for each in filter(None, taken):
            of = told.setdefault(each.device.application_id, [])
            of += [(each.device.id, report.time_ms, report.values) for report in each.reports]
        for application_id, documents in told.items():
            for payload in messages_of(documents):
                self._bus.publish(Message(application_id, REPORTED, payload))

    async def history(
        self, caller: Caller, application_id: str, device_id: str, span: Span
    ) -> list[dict[str, Any]]:
        """Return what a device reported, moment by moment, as far as ``span.most_bytes`` goes."""

        async def work(session: Session) -> list[dict[str, Any]]:
            await self._seen(session, caller, application_id, device_id)
            found = await session.reports.first_moments(device_id, span)
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
        """Return the newest value of each attribute of a device, up to now or within a span.

        Raises Missing, and TooLarge for more than one answer may hold.
        """

        async def work(session: Session) -> dict[str, Any]:
            await self._seen(session, caller, application_id, device_id)
            asked = span or up_to(await session.now_ms())
            found = await session.reports.latest([device_id], asked, sorted(attributes) or None)
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
        """Return the newest values of one page of devices; raises TooLarge."""

        async def work(session: Session) -> Page[dict[str, Any]]:
            seen = within_sight(caller, listing)
            page = await session.resources.page(KIND, application_id, seen)
            ids = [each.id for each in page.items]
            within = span or up_to(await session.now_ms())
            found = await session.reports.latest(ids, within, sorted(attributes) or None)
            values = by_device(found, attributes)
            items = [
                {"id": each.id, "name": each.name, "compositeState": values.get(each.id, {})}
                for each in page.items
            ]
            return Page(items, page.total)

        return await self._store.read(work)

    async def connection(
        self, caller: Caller, application_id: str, device_id: str, change: Connection
    ) -> None:
        """Note that a device came or went; raises Missing."""

        async def work(session: Session) -> None:
            device = await self._spoken_for(session, caller, application_id, device_id)
            now_ms = await session.now_ms()
            came = change.status == "connected"
            time_ms = _past(change.connected_at if came else change.disconnected_at, now_ms)
            if not came and change.connected_at is not UNSET:  # since when it had been there
                since_ms = min(_past(change.connected_at, now_ms), time_ms)
                await session.reports.connected(device_id, since_ms, connected=True)
            await session.reports.connected(device_id, time_ms, connected=came)
            told = Change(caller, device, came, time_ms, _told(change))
            await self.note_changes(session, application_id, [told])

        await self._store.write(work)
        category = "deviceConnect" if change.status == "connected" else "deviceDisconnect"
        self.counter.note(application_id, category, source_of(caller))

    async def note_changes(
        self, session: Session, application_id: str, changes: Sequence[Change]
    ) -> None:
        """Write inside a unit of work that devices came and went, in their logs and to hooks."""
        await session.reports.log([_change_line(self._ids.new(), each) for each in changes])
        for hook in self._hooks:
            await hook.connection(session, application_id, changes)

    async def logged(
        self,
        caller: Caller,
        application_id: str,
        device_id: str,
        topic: LogTopic,
        span: Span,
    ) -> Sequence[dict[str, Any]]:
        """Return lines of a device's log, as far as ``span.most_bytes`` goes; raises Missing."""

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


class _Reporter(NamedTuple):
    """A device and the types of its attributes by name."""

    device: Device
    types: Mapping[str, str]

    @classmethod
    def of(cls, device: Device) -> _Reporter:
        return cls(device, {each.name: each.data_type for each in device.attributes})


def _taken(told: Told, reporter: _Reporter | None, now_ms: int) -> Taken | None:
    if reporter is None or not _speaks_for(told.caller, reporter.device):
        return None
    said_ms = now_ms if told.said_ms is None else told.said_ms
    timed = [(each, _moment_of(each, said_ms)) for each in told.reports]
    reports = [
        kept
        for each, time_ms in timed
        if now_ms - OLDEST_MS <= time_ms <= now_ms + NEWEST_MS
        and (kept := _reported(reporter.types, each, time_ms))
    ]
    return Taken(told.caller, reporter.device, reports, told.original)


def _missing() -> Missing:
    return Missing(f"{KIND.title} was not found")


def _moment_of(report: StateReport, said_ms: int) -> int:
    return said_ms if report.time is UNSET else moment_ms(report.time, said_ms)


def _reported(types: Mapping[str, str], report: StateReport, time_ms: int) -> Reported | None:
    """Return a report as it is stored, None when nothing of it can be."""
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
        flow_version=_version_of(report),
    )


def _version_of(report: StateReport) -> str | None:
    """Return the version of workflows that a report is for, None where it names none.

    Devices may send what they like; what no version can be called is passed over.
    """
    try:
        version: str = msgspec.convert(report.flow_version, _VERSION)
    except msgspec.ValidationError:
        return None
    return version


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


def _past(given: object, now_ms: int) -> int:
    """Return the moment that was told, now where none was: nothing has happened ahead of that."""
    return now_ms if given is UNSET else min(moment_ms(given, now_ms), now_ms)


def _change_line(line_id: str, change: Change) -> LogEntry:
    told = {"connected": int(change.connected), "time": to_text(change.time_ms), **change.details}
    return LogEntry(
        device_id=change.device.id,
        topic="connection",
        id=line_id,
        time_ms=change.time_ms,
        document=told,
    )


def _told(change: Connection) -> dict[str, Any]:
    address = {} if change.ip_address is UNSET else {"ipAddress": change.ip_address}
    return {**_parting(change), **address}


def _parting(change: Connection) -> dict[str, Any]:
    told = {
        "disconnectReason": change.disconnect_reason,
        "messagesFromClient": change.messages_from_client,
        "messagesToClient": change.messages_to_client,
    }
    return {name: value for name, value in told.items() if value is not UNSET}
