"""What exports are made of: data of devices, devices, events, rows of a data table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from drover.app.archives.files import Piece
from drover.app.archives.lines import StateLines, flat, header
from drover.app.archives.work import EVENT_COLUMNS, ROW_COLUMNS, Reported, Span
from drover.app.exports import listed
from drover.kinds.data_table import KIND as DATA_TABLE
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND as EVENT
from drover.ports.resources import Listing
from drover.ports.rows import RowListing
from drover.query.kinds import FIELD_SETS, data_table_rows
from drover.query.losant import parse_json
from drover.query.tree import ALL, Compare, In, Node, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from drover.model.kind import Kind
    from drover.ports.archives import Moment
    from drover.ports.store import Session, Store

PAGE: Final = 1000
COUNTED: Final = ("deviceCommand", "deviceConnect", "deviceDisconnect", "deviceState")
"""Categories of what is counted of one device."""
LAST_MS: Final = 253_402_300_799_999

_DEVICE: Final = (
    "id", "name", "description", "deviceClass", "parentId", "gatewayId", "creationDate",
    "lastUpdated", "tags", "attributes",
)  # fmt: skip


class Wanted(Protocol):
    """What is asked of a source; ``raw`` in its input leaves text as it is, for programs."""

    @property
    def application_id(self) -> str:
        """The application that is read."""
        ...

    @property
    def input(self) -> Mapping[str, Any]:
        """What was asked for, as JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Documents:
    """All resources of a kind that match ``query`` of the input, in the order of their ids."""

    kind: Kind[Any]
    columns: tuple[str, ...]

    async def pieces(self, store: Store, task: Wanted) -> AsyncIterator[Piece]:
        """Yield lines, or members of a JSON list."""
        as_json = task.input.get("format") == "json"
        columns = [each for each in self.columns if each not in task.input.get("without", ())]
        yield Piece("[" if as_json else header(columns), 0)
        first = True
        async for documents in documents_of(store, self.kind, task):
            if as_json:
                text = await listed(documents, first=first)
            else:
                text = await asyncio.to_thread(_flattened, documents, columns, safe=_safe(task))
            yield Piece(text, len(documents))
            first = False
        if as_json:
            yield Piece("]\n", 0)


DEVICES: Final = Documents(DEVICE, _DEVICE)
EVENTS: Final = Documents(EVENT, EVENT_COLUMNS)


class TableRows:
    """The rows of a data table that match, oldest first."""

    async def pieces(self, store: Store, task: Wanted) -> AsyncIterator[Piece]:
        """Yield lines; raises Missing without the table, Invalid."""
        given, own, table_id = task.input, task.application_id, task.input["dataTableId"]
        table = await store.read(lambda s: s.resources.get(DATA_TABLE, own, table_id))
        types = {column.name: column.data_type for column in table.columns}
        asked = parse_json(given.get("query") or "{}", data_table_rows(types))
        columns = (*ROW_COLUMNS, *types)
        yield Piece(header(columns), 0)
        offset, left = given.get("offset", 0), given.get("limit", LAST_MS)
        while left > 0:
            listing = RowListing(
                columns=types,
                query=asked,
                sort_column=given.get("sortColumn", ""),
                descending=given.get("descending", False),
                offset=offset,
                limit=min(PAGE, left),
            )
            found = await store.read(partial(_rows, place=(own, table_id), listing=listing))
            yield Piece(_flattened(found.items, columns, safe=_safe(task)), len(found.items))
            offset, left = offset + PAGE, left - PAGE
            if len(found.items) < PAGE:
                return


class DeviceData:
    """What devices reported in a span: a line for each moment, a column for each attribute."""

    async def pieces(self, store: Store, task: Wanted) -> AsyncIterator[Piece]:
        """Yield lines, device by device."""
        names = await self._names(store, task)
        yield self._head(task, names)
        async for documents in documents_of(store, DEVICE, task):
            for device in documents:
                async for piece in self._lines(store, task, device, names):
                    yield piece

    async def files(
        self, store: Store, task: Wanted
    ) -> AsyncIterator[tuple[str, AsyncIterator[Piece]]]:
        """Yield a file for each device: its name, and its lines with the device's own columns."""
        asked = list(dict.fromkeys(task.input.get("attributes") or ()))
        async for documents in documents_of(store, DEVICE, task):
            for device in documents:
                names = asked or await self._names_of(store, task, device)
                yield f"{device['id']}.csv", self._file(store, task, device, names)

    async def _file(
        self, store: Store, task: Wanted, device: Mapping[str, Any], names: Sequence[str]
    ) -> AsyncIterator[Piece]:
        yield self._head(task, names)
        async for piece in self._lines(store, task, device, names):
            yield piece

    async def _lines(
        self, store: Store, task: Wanted, device: Mapping[str, Any], names: Sequence[str]
    ) -> AsyncIterator[Piece]:
        given, device_id = task.input, device["id"]
        start = f"{device_id}," if given["includeID"] else ""
        hidden = set() if given.get("attributes") else _unasked(task, device)
        # What is a blob of this device may be something else of another: its column stays.
        shown = ["" if name in hidden else name for name in names]
        lines = StateLines(start, shown, safe=_safe(task), dated=given["includeDate"])
        reported = Reported(store, device_id, Span(given["start"], given["end"]))
        async for moments in reported.upto(given["end"]):
            yield await asyncio.to_thread(_told, lines, frozenset(shown), moments)

    def _head(self, task: Wanted, names: Sequence[str]) -> Piece:
        lead = ["ID"] if task.input["includeID"] else []
        dates = ["ISO Date"] if task.input["includeDate"] else []
        return Piece(header((*lead, "Timestamp", *dates, *names)), 0)

    async def _names(self, store: Store, task: Wanted) -> Sequence[str]:
        """Return the attributes asked for, else those of any of the devices; no blobs unasked."""
        found = set[str]()
        if asked := task.input.get("attributes"):
            return list(dict.fromkeys(asked))
        async for documents in documents_of(store, DEVICE, task):
            for device in documents:
                found |= set(await self._names_of(store, task, device))
        return sorted(found)

    async def _names_of(
        self, store: Store, task: Wanted, device: Mapping[str, Any]
    ) -> Sequence[str]:
        """Return the attributes that a device has or had; no blobs unasked."""
        found = set(await store.read(partial(_attributes, device_id=device["id"])))
        return sorted(found - _unasked(task, device))


def _unasked(task: Wanted, device: Mapping[str, Any]) -> set[str]:
    """Return a device's blobs where they are not to be exported."""
    if task.input.get("includeBlobData"):
        return set()
    kinds = device.get("attributes") or ()
    return {each["name"] for each in kinds if each["dataType"] == "blob"}


def _told(lines: StateLines, names: frozenset[str], moments: Iterable[Moment]) -> Piece:
    """Return the lines of those moments at which something was reported of what is asked for."""
    kept = [each for each in moments if not names.isdisjoint(each[1].split("\t"))]
    return Piece(lines.text(kept), len(kept))


class DevicePayloads:
    """How much each device sent and was told in a span, a line for each."""

    async def pieces(self, store: Store, task: Wanted) -> AsyncIterator[Piece]:
        """Yield lines, device by device."""
        span = (task.input["start"], task.input["end"])
        yield Piece(header(("id", "name", *COUNTED)), 0)
        async for documents in documents_of(store, DEVICE, task):
            counted = await store.read(partial(_payloads, devices=documents, span=span))
            columns = ("id", "name", *COUNTED)
            yield Piece(_flattened(counted, columns, safe=_safe(task)), len(counted))


async def _payloads(
    session: Session, *, devices: Sequence[Mapping[str, Any]], span: tuple[int, int]
) -> list[dict[str, Any]]:
    counted = []
    for device in devices:
        found = await session.counts.of_device(device["id"], *span, 0)
        own = {each.category: each.payloads for each in found}
        counts = {name: own.get(name, 0) for name in COUNTED}
        counted.append({"id": device["id"], "name": device["name"], **counts})
    return counted


async def documents_of(
    store: Store, kind: Kind[Any], task: Wanted
) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Yield the documents that match the input of a task, in the order of their ids."""
    chosen, after = _chosen(kind, task.input), ""
    while True:
        older = Compare("id", Operator.GREATER, after) if after else ALL
        listing = Listing(sort_field="id", query=all_of([chosen, older]), limit=PAGE)

        async def page(session: Session, listing: Listing = listing) -> Sequence[bytes]:
            found = await session.resources.page_bytes(kind, task.application_id, listing)
            return found.items

        documents = [msgspec.json.decode(each) for each in await store.read(page)]
        if documents:
            yield documents
        if len(documents) < PAGE:
            return
        after = documents[-1]["id"]


def _chosen(kind: Kind[Any], given: Mapping[str, Any]) -> Node:
    """Return what the input chooses: a query, ids, or both; neither: everything."""
    parts: list[Node] = []
    if given.get("query"):
        parts.append(parse_json(given["query"], FIELD_SETS[kind.one]))
    if "deviceIds" in given:
        parts.append(In("id", tuple(given["deviceIds"])))
    return all_of(parts)


async def _attributes(session: Session, *, device_id: str) -> Sequence[str]:
    return await session.archives.attributes(device_id)


async def _rows(session: Session, *, place: tuple[str, str], listing: RowListing) -> Any:
    return await session.rows.page(*place, listing)


def _safe(wanted: Wanted) -> bool:
    return not wanted.input.get("raw")


def _flattened(
    documents: Sequence[Mapping[str, Any]], columns: Sequence[str], *, safe: bool
) -> str:
    return "".join(flat(each, columns, safe=safe) for each in documents)
