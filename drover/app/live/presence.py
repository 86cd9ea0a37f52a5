"""Which devices are connected: written together, and put right when a broker dies."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drover.app.device_reports import Change, devices_of
from drover.app.live.batches import Batches
from drover.app.payload_counts import BY_DEVICE
from drover.model.access import Caller
from drover.model.instants import to_text
from drover.ports.door import Connection, Missed
from drover.ports.presence import Connected

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from drover.app.device_reports import DeviceReports
    from drover.kinds.device import Device
    from drover.ports.door import Parting
    from drover.ports.store import Session, Store

LEASE_MS: Final = 20_000
"""How long a broker counts as being there after it was last seen, in milliseconds."""

MOST_WAITING: Final = 200_000
"""Comings and goings that wait for the store; later ones are dropped."""

GATHER_S: Final = 0.05
"""How long comings and goings are gathered: a write of one costs as much as one of a hundred."""

_AT_A_TIME: Final = 1000
_SERVER: Final = Caller(type="system", id="0" * 24, scopes=frozenset())


class _Move(NamedTuple):
    """A device that came, or went and how."""

    connection: Connection
    parting: Parting | None


class PresenceBook:
    """Notes who comes and goes."""

    def __init__(self, store: Store, reports: DeviceReports) -> None:
        self._store = store
        self._reports = reports
        self._batches: Batches[_Move] = Batches("connections", self._write, gather_s=GATHER_S)
        self.start = self._batches.start
        self.close = self._batches.close

    @property
    def dropped(self) -> int:
        """How many comings and goings were dropped because too many waited."""
        return self._batches.dropped

    def came(self, connection: Connection) -> None:
        """Note that a device is connected."""
        self._batches.offer(_Move(connection, None), MOST_WAITING)

    def went(self, connection: Connection, parting: Parting) -> None:
        """Note that a device is connected no longer."""
        self._batches.offer(_Move(connection, parting), MOST_WAITING)

    async def missed(self, server: str, there: Sequence[Connection]) -> Missed:
        """Tell how those that are there at a broker differ from those that are noted.

        A device that is noted elsewhere, and from before, came from there: that may be a broker
        that has just died.
        """
        noted = await self._store.read(lambda session: session.presence.at(server))
        numbers = {each.connection_id for _, each in noted}
        new = [each for each in there if str(each.number) not in numbers]
        ids = [each.device_id for each in new]
        known = await self._store.read(lambda session: session.presence.connected_among(ids))
        came = [each for each in new if known.get(each.device_id, -1) < each.began_ms]
        listed = {str(each.number) for each in there}
        went = [_noted(*each) for each in noted if each[1].connection_id not in listed]
        return Missed(came, went)

    async def servers(self, alive: Sequence[str]) -> None:
        """Note which brokers are there, and disconnect all devices of those that are not."""

        async def work(session: Session) -> int:
            now_ms = await session.now_ms()
            for server in alive:
                await session.presence.renew(server, now_ms + LEASE_MS)
            left = await session.presence.left_by_servers(now_ms, _AT_A_TIME)
            by_application: dict[str, list[str]] = defaultdict(list)
            for application_id, device_id in left:
                by_application[application_id].append(device_id)
            for application_id, ids in by_application.items():
                await self._note_lost(session, application_id, ids, now_ms)
            return len(left)

        while await self._store.write(work) == _AT_A_TIME:
            pass  # others write in between

    async def _note_lost(
        self, session: Session, application_id: str, ids: Sequence[str], now_ms: int
    ) -> None:
        devices = await devices_of(session, application_id, ids)
        details = {"disconnectReason": "broker lost"}
        changes = [
            Change(_SERVER, each, False, now_ms, details, "mqtt")  # noqa: FBT003 - it went
            for each in devices.values()
        ]
        await self._reports.note_changes(session, application_id, changes)

    async def _write(self, moves: Sequence[_Move]) -> None:
        async def work(session: Session) -> Sequence[_Move]:
            # What came goes first: whatever ends later only ends its own connection.
            came = [_connected(each) for each in moves if not each.parting]
            new = await session.presence.came(came)
            gone = await session.presence.went([_connected(each) for each in moves if each.parting])
            news = _news(moves, new, gone)
            for application_id, those in _by_application(news).items():
                ids = [each.connection.device_id for each in those]
                devices = await devices_of(session, application_id, ids)
                changes = [
                    _change(each, devices[each.connection.device_id])
                    for each in those
                    if each.connection.device_id in devices
                ]
                await self._reports.note_changes(session, application_id, changes)
            return news

        for move in await self._store.write(work):
            category = "deviceConnect" if move.parting is None else "deviceDisconnect"
            self._reports.counter.note(move.connection.application_id, category, BY_DEVICE)


def _by_application(moves: Sequence[_Move]) -> Mapping[str, Sequence[_Move]]:
    found: dict[str, list[_Move]] = defaultdict(list)
    for move in moves:
        found[move.connection.application_id].append(move)
    return found


def _news(moves: Sequence[_Move], new: Collection[str], gone: Collection[str]) -> Sequence[_Move]:
    """Return those moves that nobody has noted: several servers may conclude the same from a list.

    ``new`` are devices whose connection was not noted, ``gone`` those whose was, and ended.
    """
    told: dict[tuple[str, int, bool], _Move] = {}
    for each in moves:
        connection, parting = each
        told.setdefault((connection.server, connection.number, parting is None), each)
    newest = {each.connection.device_id: each for each in told.values() if not each.parting}

    def is_news(move: _Move) -> bool:
        device_id = move.connection.device_id
        if move.parting is not None:
            return move.parting.heard or device_id in gone
        return device_id in new or newest[device_id] is not move

    return [each for each in told.values() if is_news(each)]


def _noted(application_id: str, connected: Connected) -> Connection:
    return Connection(
        application_id=application_id,
        device_id=connected.device_id,
        server=connected.server,
        number=int(connected.connection_id),
        address="",
        began_ms=connected.time_ms,
        key_id=connected.key_id,
    )


def _connected(move: _Move) -> Connected:
    connection, parting = move
    return Connected(
        device_id=connection.device_id,
        connection_id=str(connection.number),
        server=connection.server,
        time_ms=connection.began_ms if parting is None else parting.ended_ms,
        key_id=connection.key_id,
    )


def _change(move: _Move, device: Device) -> Change:
    connection, parting = move
    details: dict[str, Any] = {"ipAddress": connection.address}
    if parting is not None:
        details |= {
            "connectedAt": to_text(connection.began_ms),
            "disconnectReason": parting.reason,
            "messagesFromClient": parting.messages_from,
            "messagesToClient": parting.messages_to,
        }
    time_ms = _connected(move).time_ms
    caller = Caller(type="device", id=device.id, scopes=frozenset())
    return Change(caller, device, parting is None, time_ms, details, "mqtt")
