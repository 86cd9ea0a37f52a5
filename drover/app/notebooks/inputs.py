"""The input files of a notebook: what an application holds, written beside it.

They are read by programs: text that a spreadsheet would take for a formula is left as it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET

from drover.app.archives.files import Piece
from drover.app.archives.lines import header, row
from drover.app.devices import Devices, everything
from drover.app.export_sources import DEVICES, EVENTS, LAST_MS, DeviceData, TableRows
from drover.app.files import KINDS, at_path
from drover.kinds import notebook as kinds
from drover.model.errors import Invalid, Missing, TooLarge
from drover.model.instants import to_ms
from drover.ports.reports import Span
from drover.ports.web import WebFailure, WebRequest
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES as DEVICE_FIELDS
from drover.query.losant import parse_json
from drover.query.tree import any_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from drover.app.export_sources import Documents
    from drover.app.notebooks.room import NotebookRoom
    from drover.app.notebooks.texts import Texts
    from drover.ports.store import Session

_OfDevices: TypeAlias = kinds.DeviceData | kinds.DeviceConnections | kinds.DeviceMetadata

_FOUND: Final = 200
_FETCH_MS: Final = 60_000
_MOST_DEVICES: Final = 10_000
_MOST_LINES: Final = 100_000
_MOST_BYTES: Final = 2048 * _MOST_LINES
_CONNECTIONS: Final = ("ID", "Timestamp", "ISO Date", "Connected", "Disconnect Reason")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a source."""

    application_id: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Writes the input files of one run; moments up to 0 are relative to ``now_ms``."""

    room: NotebookRoom
    devices: Devices
    application_id: str
    now_ms: int
    texts: Texts

    async def write(self, given: kinds.Input, folder: Path) -> tuple[str, int]:
        """Write one and return its name and its size in bytes.

        Raises Invalid, Missing, TooLarge.
        """
        name = self.texts.name(given.file_name)
        path = folder / name
        if await asyncio.to_thread(path.exists):
            raise Invalid(f"Two inputs are called {name}", field="fileName")
        size = 0
        file = await asyncio.to_thread(path.open, "wb")
        with file:
            async for chunk in self._chunks(given):
                size += len(chunk)
                if size > self.room.bounds.disk_bytes:
                    raise TooLarge(f"The input {name} is larger than a notebook may have")
                await asyncio.to_thread(file.write, chunk)
        return name, size

    async def _chunks(self, given: kinds.Input) -> AsyncIterator[bytes]:
        match given:
            case kinds.ExternalUrl():
                yield await self._fetched(given)
            case kinds.ApplicationFile():
                async for chunk in await self._file(given):
                    yield chunk
            case _:
                async for piece in await self._pieces(given):
                    yield piece.text.encode()

    async def _pieces(
        self,
        given: _OfDevices | kinds.TableData | kinds.EventData,
    ) -> AsyncIterator[Piece]:
        match given:
            case kinds.TableData():
                return TableRows().pieces(self.room.store, self._table(given))
            case kinds.EventData():
                return self._documents(EVENTS, {"query": given.query_json, "format": given.format})
            case _:
                return self._of_devices(given, await self._device_ids(given))

    def _of_devices(self, given: _OfDevices, ids: Sequence[str]) -> AsyncIterator[Piece]:
        match given:
            case kinds.DeviceMetadata():
                return self._documents(DEVICES, {"deviceIds": ids, "format": given.format})
            case kinds.DeviceConnections():
                return self._connections(ids, self._span(given))
            case kinds.DeviceData():
                return DeviceData().pieces(self.room.store, self._data(given, ids))

    def _documents(self, source: Documents, given: Mapping[str, Any]) -> AsyncIterator[Piece]:
        known = {name: value for name, value in given.items() if value is not UNSET}
        if "query" in known:
            known["query"] = self.texts.text(known["query"])
        return source.pieces(self.room.store, self._wish(known))

    def _table(self, given: kinds.TableData) -> Wish:
        query = "" if given.query_json is UNSET else self.texts.text(given.query_json)
        return self._wish({"dataTableId": self.texts.id(given.data_table_id), "query": query})

    def _data(self, given: kinds.DeviceData, ids: Sequence[str]) -> Wish:
        names = [] if given.attributes is UNSET else list(given.attributes)
        start_ms, end_ms = self._span(given)
        return self._wish(
            {
                "deviceIds": ids,
                "attributes": names,
                "start": start_ms,
                "end": end_ms,
                "includeID": True,
                "includeDate": True,
            }
        )

    def _wish(self, given: Mapping[str, Any]) -> Wish:
        return Wish(self.application_id, {**given, "raw": True})

    def _span(self, given: kinds.DeviceData | kinds.DeviceConnections) -> tuple[int, int]:
        start_ms, end_ms = (
            max(int(self.now_ms + each if each <= 0 else each), 0)
            for each in (given.start, given.end)
        )
        if start_ms > end_ms:
            raise Invalid("start must not be after end", field="start")
        return start_ms, min(end_ms, LAST_MS)

    async def _device_ids(self, given: _OfDevices) -> list[str]:
        listed = [self.texts.id(each) for each in given.device_ids or ()]
        tags = [
            {name: self.texts.text(value) for name, value in tag.items()}
            for tag in msgspec.to_builtins(given.device_tags or ())
            if tag
        ]
        parts = [devices_listed(listed, tags)] if listed or tags else []
        if given.query_json:
            parts.append(parse_json(self.texts.text(given.query_json), DEVICE_FIELDS))
        if not parts:
            raise Invalid("An input needs deviceIds, deviceTags or queryJson", field="inputs")
        ids = await self.devices.ids(self.application_id, everything(any_of(parts)))
        if len(ids) > _MOST_DEVICES:
            raise Invalid(f"An input is about at most {_MOST_DEVICES} devices", field="inputs")
        return list(ids)

    async def _connections(self, ids: Sequence[str], span: tuple[int, int]) -> AsyncIterator[Piece]:
        yield Piece(header(_CONNECTIONS), 0)
        wanted = Span(
            start_ms=span[0],
            end_ms=span[1],
            limit=_MOST_LINES,
            descending=False,
            most_bytes=_MOST_BYTES,
        )
        for device_id in ids:
            lines = await self.room.store.read(
                partial(_connection_log, device_id=device_id, span=wanted)
            )
            yield Piece("".join(row(_connection(device_id, each)) for each in lines), len(lines))

    async def _fetched(self, given: kinds.ExternalUrl) -> bytes:
        request = WebRequest(
            method="GET", url=self.texts.text(given.source_url), timeout_ms=_FETCH_MS
        )
        try:
            answer = await self.room.web.fetch(request)
        except WebFailure as error:
            raise Invalid(f"sourceUrl cannot be fetched: {error.message}") from error
        if answer.status != _FOUND:
            raise Invalid(f"sourceUrl cannot be fetched: it answers {answer.status}")
        return answer.body

    async def _file(self, given: kinds.ApplicationFile) -> AsyncIterator[bytes]:
        kind = KINDS["private" if given.private else "public"]
        path = "/" + self.texts.text(given.file_path).strip("/")
        found = await self.room.store.read(
            lambda session: at_path(session, kind, self.application_id, path)
        )
        if found is None or found.is_directory:
            raise Missing(f"The file {path[:255]} was not found")
        return await self.room.files.open(kind, self.application_id, found.id)


async def _connection_log(session: Session, *, device_id: str, span: Span) -> Any:
    return await session.reports.logged(device_id, "connection", span)


def _connection(device_id: str, line: Mapping[str, Any]) -> tuple[Any, ...]:
    time = line["time"]
    return (device_id, to_ms(time), time, line["connected"], line.get("disconnectReason"))
