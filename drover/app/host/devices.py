"""Devices: found, made, changed and deleted by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.catalog import Catalog
from drover.app.device_reports import DeviceReports
from drover.app.devices import Devices
from drover.kinds.device import KIND, Device
from drover.kinds.experience_user import KIND as USER
from drover.model.errors import Missing
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.filters import tagged_any
from drover.query.kinds import DEVICES
from drover.query.losant import parse
from drover.query.tree import NOTHING, Compare, Node, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from drover.ports.store import Session

T = TypeVar("T")

_NOT_FOUND: Final = "Device was not found"
_BY_ID: Final = {"findByParentId": "parentId", "experienceGroupId": "experienceGroupId"}


async def _find(asking: Asking, request: Request) -> dict[str, Any]:
    """Return one page of what is found, by any of the ways a node may look for devices."""
    page, size = request.get("page", 0), request.get("perPage", 100)
    many = request["many"]
    if request["method"] == "id":
        items, total = await _one(asking, str(request["value"]))
    else:
        listing = Listing(
            sort_field=request["sortField"],
            descending=request["sortDirection"] == "desc",
            offset=page * size if many else 0,
            limit=size if many else 1,
            query=await _chosen(asking, request),
        )
        found = await asking.store.read(
            lambda session: session.resources.page_bytes(KIND, asking.application_id, listing)
        )
        items, total = [msgspec.json.decode(each) for each in found.items], found.total
    shown = [await _shown(asking, request, device) for device in items]
    order = {key: request[key] for key in ("sortField", "sortDirection")}
    return {"items": shown, "totalCount": total, "page": page, "perPage": size, **order}


async def _one(asking: Asking, device_id: str) -> tuple[list[dict[str, Any]], int]:
    if not is_id(device_id):
        return [], 0

    async def work(session: Session) -> bytes | None:
        try:
            return await session.resources.get_bytes(KIND, asking.application_id, device_id.lower())
        except Missing:
            return None

    document = await asking.store.read(work)
    return ([], 0) if document is None else ([msgspec.json.decode(document)], 1)


async def _chosen(asking: Asking, request: Request) -> Node:
    method = request["method"]
    if method == "query":
        return parse(request["query"], DEVICES)
    if method in ("findByAllTags", "findByAnyTags"):
        pairs = [_side(tag) for tag in request["tags"]]
        single = [tagged_any("tags", [pair]) for pair in pairs]
        return all_of(single) if method == "findByAllTags" else tagged_any("tags", pairs)
    value = str(request["value"])
    if method == "name":
        return Compare("name", Operator.EQUAL, value)
    if method == "experienceUserIdOrEmail":
        return await _of_user(asking, value)
    return _by_id(_BY_ID[method], value)


async def _of_user(asking: Asking, id_or_email: str) -> Node:
    if is_id(id_or_email):
        return _by_id("experienceUserId", id_or_email)
    named = Listing(sort_field="id", limit=1, query=_email(id_or_email))
    found = await asking.store.read(
        lambda session: session.resources.page(USER, asking.application_id, named)
    )
    return _by_id("experienceUserId", found.items[0].id) if found.items else NOTHING


def _email(text: str) -> Node:
    return Compare("email", Operator.EQUAL, text)


def _by_id(field: str, value: str) -> Node:
    return parse({field: value.lower()}, DEVICES) if is_id(value) else NOTHING


def _side(tag: Mapping[str, Any]) -> dict[str, str]:
    """Return the sides of a tag that are given: an empty one matches anything."""
    return {name: tag[name] for name in ("key", "value") if tag.get(name)}


async def _shown(asking: Asking, request: Request, device: dict[str, Any]) -> dict[str, Any]:
    if not request["connection"]:
        device.pop("connectionInfo", None)
    wanted = request["state"]
    if wanted:
        names = frozenset(map(str, wanted)) if isinstance(wanted, list) else frozenset()
        device["compositeState"] = await asking.services[DeviceReports].composite(
            asking.caller, asking.application_id, device["id"], None, names
        )
    device["deviceId"] = device["id"]
    return device


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    if "recipeId" in request:
        raise Missing("Device recipe was not found")
    body = msgspec.json.encode(request["body"])
    document = await asking.services[Catalog].create(
        asking.caller, KIND, asking.application_id, body
    )
    return _decoded(document)


async def _update(asking: Asking, request: Request) -> dict[str, Any]:
    catalog = asking.services[Catalog]

    async def work(session: Session) -> bytes:
        device = await session.resources.lock(KIND, asking.application_id, device_id)
        body = msgspec.json.encode({**request["body"], **_merged(device, request)})
        stamp = catalog.stamp(asking.caller, asking.application_id, await session.now_ms())
        changed = KIND.patch(device, body, stamp)
        await catalog.change(session, asking.caller, KIND, device, changed)
        return await session.resources.get_bytes(KIND, asking.application_id, device_id)

    device_id = str(request["id"]).lower()
    return _decoded(await _found(asking.store.write(work)))


def _merged(device: Device, request: Request) -> dict[str, Any]:
    """Return tags and attributes with those given merged in: tags by key, attributes by name.

    A key without values, and an attribute without a type, is taken away.
    """
    body: dict[str, Any] = {}
    given_tags = request.get("mergeTags")
    if given_tags:
        kept = [msgspec.to_builtins(tag) for tag in device.tags if tag.key not in given_tags]
        added = [
            {"key": key, "value": value} for key, values in given_tags.items() for value in values
        ]
        body["tags"] = [*kept, *added]
    given = request.get("mergeAttributes")
    if given:
        known = {each.name: msgspec.to_builtins(each) for each in device.attributes}
        for name, fields in given.items():
            before = known.get(name) or {"name": name}
            known[name] = None if fields is None else {**before, **fields}
        body["attributes"] = [fields for fields in known.values() if fields is not None]
    return body


async def _delete(asking: Asking, request: Request) -> Any:
    if "id" in request:
        device_id = str(request["id"]).lower()
        catalog, application_id = asking.services[Catalog], asking.application_id
        await _found(catalog.delete(asking.caller, KIND, application_id, device_id))
        return True
    if request["query"] is None:
        return {"removed": 0, "failed": 0}
    chosen = parse(request["query"], DEVICES)
    outcome = await asking.services[Devices].delete(asking.caller, asking.application_id, chosen)
    return {"removed": outcome.changed, "failed": outcome.failed}


async def _found(acting: Awaitable[T]) -> T:
    """Wait for an act on a device; one that is missing is told of as nodes tell it."""
    try:
        return await acting
    except Missing as error:
        raise Missing(_NOT_FOUND) from error


def _decoded(document: bytes) -> dict[str, Any]:
    device: dict[str, Any] = msgspec.json.decode(document)
    device["deviceId"] = device["id"]
    return device


OPERATIONS = HostOperations(
    {
        "device.find": each(_find),
        "device.create": each(_create),
        "device.update": each(_update),
        "device.delete": each(_delete),
    }
)
