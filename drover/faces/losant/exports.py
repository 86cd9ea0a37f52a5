"""Exports of devices, their data, events and rows: each is a job that hands back a signed link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.devices import Devices, everything, sight
from drover.app.long_tasks import Asked, LongTasks
from drover.app.rows import TableRows, Wanted
from drover.app.tasks.data_table_export import TASK as ROWS
from drover.app.tasks.device_data_export import TASK as DATA
from drover.app.tasks.devices_export import TASK as DEVICES
from drover.app.tasks.events_export import TASK as EVENTS
from drover.faces.losant._device_choice import chosen
from drover.faces.losant._jobs import enqueued, told
from drover.faces.losant._moments import asked_span
from drover.faces.operation import Call, Operation
from drover.kinds.device import KIND as DEVICE
from drover.kinds.event import KIND as EVENT
from drover.model.errors import Invalid
from drover.model.fields import Email, Ids, TagFilters, Url
from drover.model.scopes import for_operation
from drover.query.kinds import DEVICES as DEVICE_FIELDS
from drover.query.kinds import EVENTS as EVENT_FIELDS
from drover.query.losant import parse
from drover.query.tree import ALL, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.long_tasks import LongTask
    from drover.app.services import Services
    from drover.faces.operation import Answer
    from drover.query.fields import FieldSet

_APPLICATION: Final = "/applications/{applicationId}"
_OWNERS: Final = ("Application", "Organization", "User", "Device")
_MOST_DEVICES: Final = 10_000
_TOLD: Final = ("email", "callbackUrl")

_Name = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z_-]{1,255}\Z")]
_Names = Annotated[tuple[_Name, ...], Meta(max_length=256)]
_Query = dict[str, Any] | UnsetType


class _Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What every export takes: whom to tell of its end."""

    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET


class DataOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which columns an export of data has beside the attributes."""

    include_date: bool = msgspec.field(name="includeDate", default=True)
    include_id: bool = msgspec.field(name="includeID", default=True)
    include_blob_data: bool = msgspec.field(name="includeBlobData", default=False)
    file_per_device: bool = msgspec.field(name="filePerDevice", default=False)


class DeviceDataExport(_Export, frozen=True, kw_only=True, rename="camel"):
    """The body that exports the data of one device."""

    attributes: _Names = ()
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET
    options: DataOptions = DataOptions(include_id=False)


class DevicesDataExport(_Export, frozen=True, kw_only=True, rename="camel"):
    """The body that exports the data of many devices."""

    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET
    device_query: _Query = UNSET
    attributes: _Names = ()
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET
    options: DataOptions = DataOptions()


class ListExport(_Export, frozen=True, kw_only=True, rename="camel"):
    """The body that exports devices or events."""

    query: _Query = UNSET
    format: Literal["csv", "json"] = "csv"
    exclude_updates: bool = False


class RowOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The order of exported rows, and which of them."""

    sort_direction: Literal["asc", "desc", "ASC", "DESC", ""] = "asc"
    limit: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    sort_column: str = ""
    offset: Annotated[int, Meta(ge=0, le=10**9)] = 0


class RowsExport(_Export, frozen=True, kw_only=True, rename="camel"):
    """The body that exports rows of a data table."""

    query: _Query = UNSET
    query_options: RowOptions = RowOptions()


class _Calls:
    """The operations that export."""

    def __init__(self, services: Services) -> None:
        self._tasks = services[LongTasks]
        self._devices = services[Devices]
        self._rows = services[TableRows]

    async def device_data(self, call: Call) -> Answer:
        """Export what one device reported."""
        given = _body(call, DeviceDataExport)
        device_id = call.path["deviceId"]
        await self._devices.get(call.caller, call.application_id, device_id)
        span = await self._span(call, given)
        wanted = {**_columns(given), **span, "deviceIds": [device_id]}
        if call.flag("includeBlobData"):
            wanted["includeBlobData"] = True
        about = ("device", device_id)
        return await self._begin(call, DATA, about, wanted, given)

    async def data(self, call: Call) -> Answer:
        """Export what many devices reported; without a choice, none."""
        given = _body(call, DevicesDataExport)
        devices = all_of([chosen(given), sight(call.caller)])
        listing = everything(devices)
        ids = await self._devices.ids(call.application_id, listing)
        if len(ids) > _MOST_DEVICES:
            raise Invalid(f"The data of at most {_MOST_DEVICES} devices is exported at a time")
        wanted = {**_columns(given), **await self._span(call, given), "deviceIds": list(ids)}
        if given.options.file_per_device:
            wanted["filePerDevice"] = True
        return await self._begin(call, DATA, ("device", None), wanted, given)

    async def devices(self, call: Call) -> Answer:
        """Export devices."""
        given = _body(call, ListExport)
        wanted = {"query": _text(given.query, DEVICE_FIELDS), "format": given.format}
        return await self._begin(call, DEVICES, ("device", None), wanted, given)

    async def events(self, call: Call) -> Answer:
        """Export events."""
        given = _body(call, ListExport)
        wanted: dict[str, Any] = {
            "query": _text(given.query, EVENT_FIELDS),
            "format": given.format,
        }
        if given.exclude_updates:
            wanted["without"] = ["updates"]
        return await self._begin(call, EVENTS, ("event", None), wanted, given)

    async def rows(self, call: Call) -> Answer:
        """Export rows of a data table."""
        given, table_id = _body(call, RowsExport), call.path["dataTableId"]
        options = given.query_options
        query = {} if given.query is UNSET else given.query
        look = Wanted(query=query, sort_column=options.sort_column, limit=1)
        await self._rows.page(call.application_id, table_id, look)  # refuses what is no query
        wanted = {
            "dataTableId": table_id,
            "query": msgspec.json.encode(query).decode(),
            "sortColumn": options.sort_column,
            "descending": options.sort_direction.lower() == "desc",
            "offset": options.offset,
            **({} if options.limit is UNSET else {"limit": options.limit}),
        }
        return await self._begin(call, ROWS, ("datatable", table_id), wanted, given)

    async def _span(self, call: Call, given: Any) -> dict[str, int]:
        now_ms = await self._tasks.now_ms()
        start, end = (
            _number(call, name) if own is UNSET else own
            for name, own in (("start", given.start), ("end", given.end))
        )
        first, last = asked_span(start, end, now_ms)
        return {"start": first, "end": last}

    async def _begin(
        self,
        call: Call,
        kind: LongTask,
        about: tuple[str, str | None],
        wanted: dict[str, Any],
        given: _Export,
    ) -> Answer:
        asked = Asked(
            application_id=call.application_id,
            resource_type=about[0],
            resource_id=about[1],
            input=wanted,
            listeners=told(call, given.email or None, given.callback_url or None),
        )
        return enqueued(await self._tasks.begin(call.caller, kind, asked))


def _body(call: Call, shape: Any) -> Any:
    return call.json(shape) if call.body.strip() else shape()


def _number(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise Invalid(f"{name} must be a number", field=name) from error


def _columns(given: Any) -> dict[str, Any]:
    options = given.options
    return {
        "attributes": list(given.attributes),
        "includeID": options.include_id,
        "includeDate": options.include_date,
        "includeBlobData": options.include_blob_data,
    }


def _text(query: Any, fields: FieldSet) -> str:
    if query is UNSET:
        return ""
    return "" if parse(query, fields) is ALL else msgspec.json.encode(query).decode()


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations that export."""
    calls = _Calls(services)
    devices, table = f"{_APPLICATION}/devices", f"{_APPLICATION}/data-tables/{{dataTableId}}"
    span = ("start", "end", "includeBlobData", *_TOLD)
    for path, run, name, scopes, body, parameters in (
        (f"{devices}/{{deviceId}}/export", calls.device_data, "device.export",
         DEVICE.scopes("export", reads=True), DeviceDataExport, span),
        (f"{_APPLICATION}/data/export", calls.data, "data.export",
         for_operation("data", "export", _OWNERS, reads=True), DevicesDataExport, ()),
        (f"{devices}/export", calls.devices, "devices.export",
         DEVICE.scopes("export", collection=True, reads=True), ListExport, _TOLD),
        (f"{_APPLICATION}/events/export", calls.events, "events.export",
         EVENT.scopes("export", collection=True, reads=True), ListExport, ()),
        (f"{table}/rows/export", calls.rows, "dataTableRows.export",
         for_operation("dataTableRows", "export", _OWNERS[:3], reads=True), RowsExport, ()),
    ):  # fmt: skip
        yield Operation(
            method="POST",
            path=path,
            scopes=scopes,
            run=run,
            name=name,
            summary=str(run.__doc__).split(";")[0].rstrip("."),
            status=202,
            body=body,
            parameters=parameters,
        )
