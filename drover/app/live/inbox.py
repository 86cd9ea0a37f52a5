"""What devices say over MQTT, on its way into the store: all that came meanwhile in one write."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import structlog

from drover.app.device_reports import MOST_REPORTS, StateReport, Told
from drover.app.live.batches import Batches
from drover.app.live.topic_triggers import firing_of
from drover.model.access import Caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.app.device_reports import DeviceReports, Taken
    from drover.ports.bus import Message
    from drover.ports.door import Done
    from drover.ports.store import Session, Store

_LOG = structlog.get_logger("drover.live")

_NOT_JSON: Final = (msgspec.DecodeError, RecursionError, ValueError)
_SCOPES: Final = frozenset({"all.Device"})


class HeardReport(StateReport, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A report as a device sends it: what is not known of it is passed over."""

    data: dict[str, Any]


_ONE: Final = msgspec.json.Decoder(HeardReport)
_SEVERAL: Final = msgspec.json.Decoder(list[HeardReport])


class SaidState(NamedTuple):
    """What a device reports, as it came."""

    application_id: str
    device_id: str
    payload: bytes
    done: Done


class SaidOn(NamedTuple):
    """A message that workflows wait for with a filter."""

    topic_filter: str
    message: Message


@dataclass(slots=True)
class _Outcome:
    """What one unit of work came to, to be told once it is kept."""

    taken: list[Taken | None]
    fired: bool


class Inbox:
    """Stores what devices say, then has it acknowledged and tells who watches."""

    def __init__(self, store: Store, reports: DeviceReports, wake: Callable[[], None]) -> None:
        self._store = store
        self._reports = reports
        self._wake = wake
        self._batches: Batches[SaidState | SaidOn] = Batches("messages", self._write)
        self.start = self._batches.start
        self.close = self._batches.close
        self.put = self._batches.put

    async def _write(self, batch: Sequence[SaidState | SaidOn]) -> None:
        states = [each for each in batch if isinstance(each, SaidState)]
        firings = [
            firing
            for each in batch
            if isinstance(each, SaidOn) and (firing := firing_of(each.topic_filter, each.message))
        ]
        told = _by_application(states)

        async def work(session: Session) -> _Outcome:
            taken: list[Taken | None] = []
            for application_id, those in told.items():
                taken += await self._reports.take(session, application_id, those)
            if firings:
                await session.jobs.firings.add(firings, await session.now_ms())
            return _Outcome(taken, bool(firings))

        outcome = await self._store.write(work)
        for said in states:
            said.done()
        self._reports.announce(outcome.taken)
        if outcome.fired:
            self._wake()


def reports_in(said: SaidState) -> Sequence[StateReport]:
    """Return the reports in a message; one that cannot be read has none."""
    try:
        several = said.payload.lstrip()[:1] == b"["
        found = _SEVERAL.decode(said.payload) if several else [_ONE.decode(said.payload)]
    except _NOT_JSON as error:
        _LOG.info("live.unreadable", device=said.device_id, error=str(error)[:200])
        return ()
    return found[:MOST_REPORTS]


def _by_application(states: Sequence[SaidState]) -> Mapping[str, list[Told]]:
    """Return what was said by application; the broker saw to it that the device may say it."""
    told: dict[str, list[Told]] = defaultdict(list)
    for said in states:
        caller = Caller(type="device", id=said.device_id, device_id=said.device_id, scopes=_SCOPES)
        told[said.application_id].append(Told(caller, said.device_id, reports_in(said)))
    return told
