"""What devices say over MQTT, on its way into the store: all that came meanwhile in one write."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog
from msgspec import UNSET

from drover.app.device_reports import StateReport, Told
from drover.app.live.batches import Batches
from drover.app.live.places import Places
from drover.app.live.topic_triggers import firing_of
from drover.app.payload_counts import BY_DEVICE
from drover.model.access import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.device_reports import DeviceReports, Taken
    from drover.ports.bus import Message
    from drover.ports.door import Done
    from drover.ports.jobs import Firing, Place
    from drover.ports.store import Session, Store

MOST_WAITING: Final = 8000
MOST_WAITING_BYTES: Final = 16_777_216
"""Messages, and their bytes, that wait for the store: with so many no more state is asked for, and
messages that only wait for workflows are dropped."""

TOLD_EVERY: Final = 1000
"""Of so many messages that are no reports one is logged; all are counted."""

_LOG = structlog.get_logger("drover.live")

_NOT_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)
_SCOPES: Final = frozenset({"all.Device"})


class HeardReport(StateReport, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A report as a device sends it: what is not known of it is passed over.

    A moment that cannot be read means now, and takes nothing of the report away.
    """

    data: dict[str, Any]
    time: Any = UNSET
    flow_version: Any = UNSET


_ONE: Final = msgspec.json.Decoder(HeardReport)
_SEVERAL: Final = msgspec.json.Decoder(list[HeardReport])
_ANYTHING: Final = msgspec.json.Decoder(list[msgspec.Raw])


class SaidState(NamedTuple):
    """What a device reports, as it came."""

    application_id: str
    device_id: str
    payload: bytes
    done: Done
    arrived_ms: int | None = None
    """When the broker took it; None for now."""


def _nothing() -> None:
    """Tell nobody."""


class SaidOn(NamedTuple):
    """A message that workflows wait for with some filters.

    One with a ``place`` is handed over again until it is ``done``.
    """

    filters: Sequence[str]
    message: Message
    place: Place | None = None
    done: Done = _nothing


class Inbox:
    """Stores what devices say, then has it acknowledged and tells who watches."""

    def __init__(self, store: Store, reports: DeviceReports) -> None:
        self._store = store
        self._reports = reports
        self._batches: Batches[SaidState | SaidOn] = Batches("messages", self._write, self._end)
        self._places = Places()
        self._waiting_bytes = 0
        self.unreadable = 0
        """Messages of state in which something was no report."""
        self.start = self._batches.start
        self.close = self._batches.close

    @property
    def has_room(self) -> bool:
        """Whether more may be put."""
        return len(self._batches) < MOST_WAITING and self._waiting_bytes < MOST_WAITING_BYTES

    @property
    def waiting(self) -> int:
        """How many messages wait for the store."""
        return len(self._batches)

    @property
    def dropped(self) -> int:
        """How many messages for workflows were dropped because too much waited."""
        return self._batches.dropped

    def put(self, said: SaidState | SaidOn) -> None:
        """Have something stored soon that is kept elsewhere until then."""
        self._waiting_bytes += _size(said)
        self._batches.put(said)

    def offer(self, said: SaidOn) -> None:
        """Have a message kept for workflows soon, unless too much waits."""
        self._batches.offer(said, MOST_WAITING)

    async def _write(self, batch: Sequence[SaidState | SaidOn]) -> None:
        states = [each for each in batch if isinstance(each, SaidState)]
        heard = [each for each in batch if isinstance(each, SaidOn)]
        told = self._by_application(states)

        async def work(session: Session) -> list[Taken | None]:
            taken: list[Taken | None] = []
            for application_id, those in told.items():
                taken += await self._reports.take(session, application_id, those)
            firings = await self._firings(session, heard)
            if firings:
                await session.jobs.firings.add(firings, await session.now_ms())
            return taken

        taken = await self._store.write(work)
        for said in batch:
            self._end(said)
        self._count(batch, taken)
        self._reports.announce(taken)

    async def _firings(self, session: Session, heard: Sequence[SaidOn]) -> Sequence[Firing]:
        """Return what messages start; those that were stored before start nothing again."""
        places = [each.place for each in heard if each.place is not None]
        new = await self._places.new_at(session, places) if places else set()
        firings: list[Firing | None] = []
        for each in heard:
            if each.place is None or each.place in new:
                new.discard(each.place)  # it may have come twice since the last write
                firings += [firing_of(topic_filter, each.message) for topic_filter in each.filters]
        return [each for each in firings if each is not None]

    def _end(self, said: SaidState | SaidOn) -> None:
        """Have something handed over no more: it is stored, or never can be."""
        self._waiting_bytes -= _size(said)
        said.done()

    def _count(self, batch: Sequence[SaidState | SaidOn], taken: Sequence[Taken | None]) -> None:
        payloads: Counter[tuple[str, str]] = Counter()
        sizes: Counter[tuple[str, str]] = Counter()
        heard = {id(each.message): each.message for each in batch if isinstance(each, SaidOn)}
        for message in heard.values():  # once, however many filters it fits
            payloads[message.application_id, "mqttIn"] += 1
            sizes[message.application_id, "mqttIn"] += len(message.payload)
        for said in batch:
            if isinstance(said, SaidState):
                sizes[said.application_id, "deviceState"] += len(said.payload)
        for each in taken:
            if each is not None:
                payloads[each.device.application_id, "deviceState"] += len(each.reports)
        for (application_id, category), count in payloads.items():
            size = sizes[application_id, category]
            self._reports.counter.note(application_id, category, BY_DEVICE, count, size)

    def _by_application(self, states: Sequence[SaidState]) -> Mapping[str, list[Told]]:
        """Return what was said by application; the broker saw to it that the device may say it."""
        told: dict[str, list[Told]] = defaultdict(list)
        callers = {each.device_id: _caller(each.device_id) for each in states}
        for said in states:
            reports, whole = reports_in(said)
            if not whole:
                self._note_unreadable(said)
            caller = callers[said.device_id]
            original = None if whole else said.payload.decode(errors="replace")
            heard = Told(caller, said.device_id, reports, said.arrived_ms, original)
            told[said.application_id].append(heard)
        return told

    def _note_unreadable(self, said: SaidState) -> None:
        self.unreadable += 1
        if self.unreadable % TOLD_EVERY == 1:
            _LOG.info("live.unreadable", device=said.device_id, so_far=self.unreadable)


def _size(said: SaidState | SaidOn) -> int:
    """Return the bytes that count as waiting: of what is kept elsewhere as well."""
    if isinstance(said, SaidState):
        return len(said.payload)
    return 0 if said.place is None else len(said.message.payload)


def _caller(device_id: str) -> Caller:
    return Caller(type="device", id=device_id, device_id=device_id, scopes=_SCOPES)


class Heard(NamedTuple):
    """The reports in a message, and whether it was nothing but reports."""

    reports: Sequence[StateReport]
    whole: bool


def reports_in(said: SaidState) -> Heard:
    """Return the reports in a message: each of several stands for itself alone."""
    if said.payload.lstrip()[:1] != b"[":
        found = _report_in(said.payload)
        return Heard([found] if found else [], whole=found is not None)
    try:
        reports = _SEVERAL.decode(said.payload)
    except _NOT_JSON:
        return Heard(_readable(said.payload), whole=False)
    return Heard(reports, whole=bool(reports))


def _readable(payload: bytes) -> Sequence[StateReport]:
    """Return what are reports of the members of a list that has others too."""
    try:
        members = _ANYTHING.decode(payload)
    except _NOT_JSON:
        return ()
    return [found for each in members if (found := _report_in(each)) is not None]


def _report_in(text: bytes | msgspec.Raw) -> StateReport | None:
    try:
        return _ONE.decode(text)
    except _NOT_JSON:
        return None
