"""Devices: lists with their own filters, shapes of tags and attributes, bulk changes, names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.catalog import Catalog
from drover.app.device_updates import Changes, check
from drover.app.devices import Devices, NewDevice, Update, narrowed
from drover.app.tasks.devices_delete import TASK as DELETE
from drover.app.tasks.devices_patch import TASK as PATCH
from drover.app.tasks.devices_remove_data import TASK as REMOVE_DATA
from drover.app.tasks.devices_restore import TASK as RESTORE
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._device_shapes import attributes_as_object, tags_as_object
from drover.faces.losant._jobs import BulkJobs
from drover.faces.losant._moments import asked_span
from drover.faces.operation import Call, Operation
from drover.kinds.device import KIND
from drover.model.bodies import convert
from drover.model.device_shape import DataType, DeviceClass
from drover.model.errors import Invalid
from drover.model.fields import Email, Ids, Key, TagFilters, Url
from drover.ports.reports import Suggestion
from drover.query.filters import devices_listed
from drover.query.kinds import DEVICES
from drover.query.losant import parse
from drover.query.tree import ALL, Node, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.services import Services
    from drover.faces.operation import Answer
    from drover.ports.resources import Listing

_MANY = "/applications/{applicationId}/devices"
_ONE = f"{_MANY}/{{deviceId}}"
_BATCH = f"{_MANY}/batch"
_MOST_NAMES = 1000
_SHAPES = ("tagsAsObject", "attributesAsObject", "excludeConnectionInfo")

_Classes = tuple[DeviceClass, ...]
_DataTypes = tuple[DataType, ...]


class BulkPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that changes many devices."""

    update_fields: dict[str, Any] | UnsetType = UNSET
    update_operations: Changes | UnsetType = UNSET
    device_ids: Ids | UnsetType = UNSET
    query: dict[str, Any] | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET


class BatchPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body that creates many devices; each may hold the ``state`` it reports at once."""

    devices: Annotated[tuple[dict[str, Any], ...], Meta(max_length=10_000)]


class BulkChoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that deletes or restores many devices."""

    query: dict[str, Any]
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET
    force_job: bool = False


class DataChoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The body that deletes what many devices reported; no attributes named: of all."""

    query: dict[str, Any]
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET
    attributes: Annotated[tuple[Key, ...], Meta(max_length=256)] | None = None
    keep_connection_history: bool = False
    keep_command_history: bool = False
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET


class _Calls:
    """The operations on devices that the usual ones do not cover."""

    def __init__(self, devices: Devices, catalog: Catalog, jobs: BulkJobs) -> None:
        self._devices = devices
        self._catalog = catalog
        self._jobs = jobs

    async def list(self, call: Call) -> bytes:
        """Return one page of the devices within the caller's sight."""
        listing = _listing(call)
        found = await self._devices.page(call.caller, call.application_id, listing)
        items = [_shaped(call, document) for document in found.items]
        return _envelope.page(KIND, call, listing, replace(found, items=items))

    async def get(self, call: Call) -> bytes:
        """Return one device within the caller's sight."""
        device_id = call.path["deviceId"]
        document = await self._devices.get(call.caller, call.application_id, device_id)
        return _envelope.one(KIND, call, _shaped(call, document))

    async def post(self, call: Call) -> bytes:
        """Create one."""
        document = await self._catalog.create(call.caller, KIND, call.application_id, call.body)
        return _envelope.one(KIND, call, _shaped(call, document))

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, call.path["deviceId"], None)
        document = await self._catalog.patch(call.caller, KIND, old, call.body)
        return _envelope.one(KIND, call, _shaped(call, document))

    async def patch_many(self, call: Call) -> Any:
        """Change all devices chosen; without a choice, none. More than a few: by a job."""
        given = call.json(BulkPatch)
        update = _update(given)
        chosen = _chosen(given)
        wanted = {
            name: value
            for name in ("updateFields", "updateOperations", "query", "deviceIds")
            if (value := msgspec.to_builtins(given).get(name)) is not None
        }
        if answer := await self._jobs.devices(call, PATCH, chosen, wanted):
            return answer
        outcome = await self._devices.update(call.caller, call.application_id, chosen, update)
        return {
            "updated": outcome.changed,
            "failed": outcome.failed,
            "skipped": outcome.skipped,
        }

    async def delete_many(self, call: Call) -> Any:
        """Delete all devices that match; more than a few by a job."""
        given = call.json(BulkChoice)
        chosen = parse(given.query, DEVICES)
        if answer := await self._jobs.devices(call, DELETE, chosen, msgspec.to_builtins(given)):
            return answer
        outcome = await self._devices.delete(call.caller, call.application_id, chosen)
        return {"removed": outcome.changed, "failed": outcome.failed}

    async def restore_many(self, call: Call) -> Any:
        """Bring back all deleted devices that match; more than a few by a job."""
        given = call.json(BulkChoice)
        chosen = parse(given.query, DEVICES)
        wanted = msgspec.to_builtins(given)
        if answer := await self._jobs.devices(call, RESTORE, chosen, wanted, deleted=True):
            return answer
        restored = await self._devices.restore(call.application_id, chosen)
        return {"restored": restored, "failed": 0}

    async def remove_data(self, call: Call) -> Answer:
        """Delete what all devices that match have reported, by a job."""
        given = call.json(DataChoice)
        parse(given.query, DEVICES)
        first, last = (None if each is UNSET else each for each in (given.start, given.end))
        start, end = asked_span(first, last, await self._jobs.now_ms())
        wanted = {**msgspec.to_builtins(given), "start": start, "end": end}
        return await self._jobs.begin(call, REMOVE_DATA, "device", wanted)

    async def post_many(self, call: Call) -> dict[str, Any]:
        """Create many, all or none."""
        bodies = call.json(BatchPost).devices
        made = [
            NewDevice(
                convert(
                    {name: value for name, value in body.items() if name != "state"},
                    KIND.post_type,
                    f"devices[{index}]",
                ),
                convert(body.get("state") or {}, dict[str, Any], f"devices[{index}].state"),
            )
            for index, body in enumerate(bodies)
        ]
        ids = await self._devices.create_many(call.caller, call.application_id, made)
        return {"created": len(ids), "deviceIds": ids}

    async def tag_keys(self, call: Call) -> dict[str, Any]:
        """Return keys of tags in use."""
        return {"tagKeys": await self._names(call, Suggestion(what="tagKeys"))}

    async def tag_values(self, call: Call) -> dict[str, Any]:
        """Return values of one key in use."""
        key = call.text("key")
        names = await self._names(call, Suggestion(what="tagValues", tag_key=key))
        return {"tagKey": key, "tagValues": names}

    async def attribute_names(self, call: Call) -> dict[str, Any]:
        """Return names of attributes in use."""
        types = _several(call, "dataType", _DataTypes)
        what = Suggestion(what="attributeNames", data_types=types)
        return {"attributeNames": await self._names(call, what)}

    async def device_names(self, call: Call) -> dict[str, Any]:
        """Return names of devices with their ids and classes."""
        query = _lists.query(call, KIND) or ALL
        start = call.query.get("startsWith", "")
        found = await self._devices.named(
            call.caller, call.application_id, query, start, _MOST_NAMES
        )
        summary = [{"id": d.id, "deviceClass": d.device_class, "name": d.name} for d in found]
        return {"deviceSummary": summary}

    async def _names(self, call: Call, what: Suggestion) -> Any:
        query = _lists.query(call, KIND) or ALL
        start = call.query.get("startsWith", "")
        return await self._devices.names(call.caller, call.application_id, what, query, start)


def _listing(call: Call) -> Listing:
    listing = _lists.listing(call, KIND)
    if call.flag("queryDeleted"):
        listing = replace(listing, deleted=True)
    if listing.query is not None:
        return listing
    classes = _several(call, "deviceClass", _Classes)
    tags = call.nested("tagFilter")
    given = convert(tags if tags is not None else [], TagFilters, "tagFilter")
    parent_id = call.id("parentId")
    pairs = [msgspec.to_builtins(tag) for tag in given]
    narrow = narrowed(classes, pairs, parent_id)
    if narrow is ALL:
        return listing
    return replace(listing, query=all_of([_lists.globbed(listing), narrow]))


def _several(call: Call, name: str, shape: Any) -> Any:
    given = call.nested(name)
    if given is None or given == "":
        return ()
    return convert([given] if isinstance(given, str) else given, shape, name)


def _update(given: BulkPatch) -> Update:
    changes = given.update_operations or ()
    for change in changes:
        check(change)
    fields = None
    if given.update_fields is not UNSET:
        fields = convert(given.update_fields, KIND.patch_type, "updateFields")
    if fields is None and not changes:
        raise Invalid("updateFields or updateOperations is required", field="updateFields")
    return Update(fields, changes)


def _chosen(given: BulkPatch) -> Node:
    if given.query is not UNSET:
        return parse(given.query, DEVICES)
    if not given.device_ids:
        raise Invalid("deviceIds or query is required", field="query")
    return devices_listed(given.device_ids)


def _shaped(call: Call, document: bytes) -> bytes:
    """Return a document in the shape asked for; without wishes it is not decoded."""
    if not any(name in call.query for name in _SHAPES):
        return document
    device = msgspec.json.decode(document)
    if call.flag("excludeConnectionInfo"):
        device.pop("connectionInfo", None)
    if call.flag("tagsAsObject"):
        device["tags"] = tags_as_object(device["tags"])
    if call.flag("attributesAsObject"):
        device["attributes"] = attributes_as_object(device["attributes"])
    return msgspec.json.encode(device)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on devices that the usual ones do not cover."""
    calls = _Calls(services[Devices], services[Catalog], BulkJobs(services))
    for method, path, verb, run, status in (
        ("GET", _MANY, "get", calls.list, 200),
        ("POST", _MANY, "post", calls.post, 201),
        ("PATCH", _MANY, "patch", calls.patch_many, 200),
        ("POST", f"{_MANY}/delete", "delete", calls.delete_many, 200),
        ("POST", f"{_MANY}/restore", "restore", calls.restore_many, 200),
        ("POST", f"{_MANY}/removeData", "removeData", calls.remove_data, 202),
        ("POST", _BATCH, "batch", calls.post_many, 201),
        ("GET", f"{_MANY}/tagKeys", "tagKeys", calls.tag_keys, 200),
        ("GET", f"{_MANY}/tagValues", "tagValues", calls.tag_values, 200),
        ("GET", f"{_MANY}/attributeNames", "attributeNames", calls.attribute_names, 200),
        ("GET", f"{_MANY}/deviceNames", "deviceNames", calls.device_names, 200),
        ("GET", _ONE, "get", calls.get, 200),
        ("PATCH", _ONE, "patch", calls.patch, 200),
    ):
        collection = path != _ONE
        yield Operation(
            method=method,
            path=path,
            scopes=KIND.scopes(
                "post" if verb == "batch" else verb, collection=collection, reads=method == "GET"
            ),
            run=run,
            name=f"{KIND.many if collection else KIND.one}.{verb}",
            summary=_SUMMARIES[verb],
            status=status,
            body=_BODIES.get((path, verb)),
            parameters=_PARAMETERS.get((path, verb), ()),
            kind=KIND.one,
            ours=verb == "batch",
        )


_BODIES: Mapping[tuple[str, str], type[Struct]] = {
    (_MANY, "post"): KIND.post_type,
    (_MANY, "patch"): BulkPatch,
    (_ONE, "patch"): KIND.patch_type,
    (_BATCH, "batch"): BatchPost,
    (f"{_MANY}/delete", "delete"): BulkChoice,
    (f"{_MANY}/restore", "restore"): BulkChoice,
    (f"{_MANY}/removeData", "removeData"): DataChoice,
}
_SUGGESTED = ("query", "startsWith")
_PARAMETERS = {
    (_MANY, "get"): (
        *_lists.parameters(KIND),
        "deviceClass",
        "tagFilter",
        "parentId",
        "queryDeleted",
        *_SHAPES,
    ),
    (_MANY, "post"): _SHAPES[:2],
    (_ONE, "get"): _SHAPES,
    (_ONE, "patch"): _SHAPES[:2],
    (f"{_MANY}/tagKeys", "tagKeys"): _SUGGESTED,
    (f"{_MANY}/tagValues", "tagValues"): (*_SUGGESTED, "key"),
    (f"{_MANY}/attributeNames", "attributeNames"): (*_SUGGESTED, "dataType"),
    (f"{_MANY}/deviceNames", "deviceNames"): _SUGGESTED,
}
_SUMMARIES = {
    "get": "Read devices",
    "post": "Create a device",
    "patch": "Change devices",
    "delete": "Delete the devices that a query matches",
    "restore": "Bring back the deleted devices that a query matches",
    "removeData": "Delete what the devices that a query matches have reported",
    "batch": "Create many devices",
    "tagKeys": "Suggest keys of tags",
    "tagValues": "Suggest values of a tag",
    "attributeNames": "Suggest names of attributes",
    "deviceNames": "Suggest names of devices",
}
