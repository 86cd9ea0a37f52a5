"""What devices are told to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from drover.app.devices import check_sight, everything, sight
from drover.app.payload_counts import BY_FLOW, source_of
from drover.kinds.device import KIND
from drover.model.errors import TooLarge
from drover.model.fields import Name
from drover.model.instants import to_text
from drover.model.moments import AnyMoment, moment_ms
from drover.model.topics import command_topic
from drover.ports.bus import MOST_MESSAGE_BYTES, Message
from drover.ports.reports import LogEntry
from drover.query.tree import all_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.payload_counts import PayloadCounter
    from drover.model.access import Caller
    from drover.ports.bus import Bus
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store
    from drover.query.tree import Node

MOST_TOGETHER: Final = 1000
"""Commands stored in one unit of work, so that it does not hold up others for long."""


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Something a device is told to do."""

    name: Name
    time: AnyMoment | UnsetType = UNSET
    payload: Any = UNSET

    def written(self) -> Command:
        """Return it with its payload in JSON, as it is stored and sent: it may be large.

        Raises TooLarge for what no device could be told.
        """
        written = self
        if self.payload is not UNSET:
            written = replace(self, payload=msgspec.Raw(msgspec.json.encode(self.payload)))
        if len(_message(_document(written, 0))) > MOST_MESSAGE_BYTES:
            message = f"A command may not be larger than {MOST_MESSAGE_BYTES} bytes"
            raise TooLarge(message, field="payload")
        return written


class CommandPace(Protocol):
    """Says whether a device may be told something now, and counts what it was told."""

    def may_command(self, device_id: str) -> bool:
        """Tell whether a device may be sent a command now."""
        ...

    def commanded(self, device_ids: Sequence[str], left_out: int) -> None:
        """Count a command to each of these devices, and how many others were left out."""
        ...


class _AnyPace:
    """No limit at all."""

    def may_command(self, _device_id: str) -> bool:
        return True

    def commanded(self, _device_ids: Sequence[str], _left_out: int) -> None:
        return


ANY_PACE: Final = _AnyPace()
"""For commands that are not limited: those of people."""


class DeviceCommands:
    """Tells devices what to do: those connected hear it at once, the log of each keeps it."""

    def __init__(self, store: Store, ids: Ids, bus: Bus, counter: PayloadCounter) -> None:
        self._counter = counter
        self._store = store
        self._ids = ids
        self._bus = bus

    async def to_one(
        self, caller: Caller, application_id: str, device_id: str, command: Command
    ) -> None:
        """Send a command to one device; raises Missing, TooLarge."""
        command = command.written()

        async def work(session: Session) -> Sequence[LogEntry]:
            device = await session.resources.get(KIND, application_id, device_id)
            check_sight(caller, device)
            return await self._keep(session, [(device.id, command)])

        self._send(application_id, await self._store.write(work), source_of(caller))

    async def to_all(
        self,
        caller: Caller,
        application_id: str,
        chosen: Node,
        command: Command,
        pace: CommandPace = ANY_PACE,
    ) -> int:
        """Send a command to all devices chosen and return how many they are.

        Those that ``pace`` has too often are left out. More than ``MOST_TOGETHER`` are told part by
        part: where one part fails those before it have been told. Raises TooLarge.
        """
        command = command.written()
        listing = everything(all_of([chosen, sight(caller)]))
        ids = await self._store.read(
            lambda session: session.resources.ids(KIND, application_id, listing)
        )
        source, told = source_of(caller), 0
        for start in range(0, len(ids), MOST_TOGETHER):
            part = ids[start : start + MOST_TOGETHER]
            wanted = [(each, command) for each in part if pace.may_command(each)]
            lines = await self._tell(application_id, wanted, source)
            pace.commanded([each.device_id for each in lines], len(part) - len(wanted))
            told += len(lines)
        return told

    async def to_each(self, application_id: str, commands: Sequence[tuple[str, Command]]) -> None:
        """Send devices written commands of their own; those that are not there are left out."""
        for start in range(0, len(commands), MOST_TOGETHER):
            part = commands[start : start + MOST_TOGETHER]
            await self._tell(application_id, part, BY_FLOW)

    async def _tell(
        self, application_id: str, wanted: Sequence[tuple[str, Command]], source: str
    ) -> Sequence[LogEntry]:
        """Keep and send some commands, once those sent before are on their way."""
        if not wanted:
            return ()
        await self._bus.room()

        async def work(session: Session) -> Sequence[LogEntry]:
            named = [device_id for device_id, _ in wanted]
            absent = set(await session.resources.absent(KIND, application_id, named))
            return await self._keep(session, [each for each in wanted if each[0] not in absent])

        lines = await self._store.write(work)
        self._send(application_id, lines, source)
        return lines

    async def _keep(
        self, session: Session, wanted: Sequence[tuple[str, Command]]
    ) -> Sequence[LogEntry]:
        now_ms = await session.now_ms()
        lines = [
            _line(self._ids.new(), device_id, command, now_ms) for device_id, command in wanted
        ]
        if lines:
            await session.reports.log(lines)
        return lines

    def _send(self, application_id: str, lines: Sequence[LogEntry], source: str) -> None:
        """Hand stored commands to the devices that are connected, and count them."""
        for line in lines:
            payload = _message(line.document)
            self._counter.note(application_id, "deviceCommand", source, 1, len(payload))
            self._bus.publish(Message(application_id, command_topic(line.device_id), payload))


def _line(line_id: str, device_id: str, command: Command, now_ms: int) -> LogEntry:
    given = None if command.time is UNSET else command.time
    time_ms = moment_ms(given, now_ms)
    document = _document(command, time_ms)
    return LogEntry(
        device_id=device_id, topic="command", id=line_id, time_ms=time_ms, document=document
    )


def _document(command: Command, time_ms: int) -> dict[str, Any]:
    document = {"name": command.name, "time": to_text(time_ms)}
    if command.payload is not UNSET:
        document["payload"] = command.payload
    return document


def _message(document: Mapping[str, Any]) -> bytes:
    """Return a command as devices are sent it."""
    # Clients read the moment in this form alone, with its milliseconds.
    return msgspec.json.encode({**document, "time": {"$date": document["time"]}})
