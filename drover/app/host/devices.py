"""Devices: found, made, changed and deleted by running workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from drover.app.answering import Answer, Asking, HostOperations, Request, each, refusal
from drover.app.catalog import Catalog
from drover.app.device_recipes import body_of
from drover.app.device_reports import among, by_device
from drover.app.devices import Devices
from drover.app.host._pages import found_page, listing_of
from drover.kinds.device import KIND, Device
from drover.kinds.device_recipe import KIND as RECIPE
from drover.kinds.experience_user import KIND as USER
from drover.model.errors import Missing, TooLarge
from drover.model.fields import is_id
from drover.ports.reports import up_to
from drover.ports.resources import Listing
from drover.query.filters import tagged_any
from drover.query.kinds import DEVICES
from drover.query.losant import parse
from drover.query.tree import NOTHING, Compare, Node, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from drover.ports.reports import Reading
    from drover.ports.resources import Page
    from drover.ports.store import Session

T = TypeVar("T")

_NOT_FOUND: Final = "Device was not found"
_MOST_BYTES: Final = 67_108_864
"""Bytes of values that one call is answered with: it may be about the devices of a whole chunk."""
_BY_ID: Final = {"findByParentId": "parentId", "experienceGroupId": "experienceGroupId"}


async def _find(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Return what is found for each request; devices wanted by their ids are read together."""
    by_id = [request for request in requests if request["method"] == "id"]
    others = [request for request in requests if request["method"] != "id"]
    devices = iter(await _told_ones(asking, by_id) if by_id else ())
    pages = iter(await each(_page)(asking, others) if others else ())
    return [next(devices if request["method"] == "id" else pages) for request in requests]


async def _told_ones(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Answer requests for one device each; all hear of it where they are too large together."""
    try:
        return await _ones(asking, requests)
    except TooLarge as error:
        return [refusal(error)] * len(requests)


async def _ones(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Answer requests for one device each, by id."""
    wanted = [str(request["value"]).lower() for request in requests]
    listing = among([each for each in wanted if is_id(each)])

    async def work(session: Session) -> tuple[Mapping[str, bytes], Sequence[Reading]]:
        page = await session.resources.page_bytes(KIND, asking.application_id, listing)
        documents = {_id_of(each): each for each in page.items}
        told = [
            each
            for each, request in zip(wanted, requests, strict=True)
            if request["state"] and each in documents
        ]
        return documents, await _latest(session, told)

    documents, readings = await asking.store.read(work)
    last: dict[str, list[Reading]] = {}
    for reading in readings:
        last.setdefault(reading.device_id, []).append(reading)
    answers: list[Answer] = []
    for device_id, request in zip(wanted, requests, strict=True):
        document = documents.get(device_id)
        devices = [] if document is None else [msgspec.json.decode(document)]
        shown = _shown(request, devices, last.get(device_id, ()))
        answers.append({"result": found_page(request, shown, len(shown))})
    return answers


class _Identified(msgspec.Struct):
    """What tells a document: the rest is not decoded."""

    id: str


_IDENTIFIED: Final = msgspec.json.Decoder(_Identified)


def _id_of(document: bytes) -> str:
    return _IDENTIFIED.decode(document).id


async def _page(asking: Asking, request: Request) -> dict[str, Any]:
    """Return one page of what is found, by any of the ways a node may look for devices."""
    listing = listing_of(request, await chosen(asking, request))

    async def work(session: Session) -> tuple[Page[bytes], Sequence[Reading]]:
        found = await session.resources.page_bytes(KIND, asking.application_id, listing)
        told = [_id_of(each) for each in found.items] if request["state"] else []
        return found, await _latest(session, told)

    found, readings = await asking.store.read(work)
    devices = [msgspec.json.decode(each) for each in found.items]
    return found_page(request, _shown(request, devices, readings), found.total)


async def _latest(session: Session, ids: Sequence[str]) -> Sequence[Reading]:
    if not ids:
        return ()
    span = up_to(await session.now_ms())
    return await session.reports.latest(ids, span, most_bytes=_MOST_BYTES)


async def chosen(asking: Asking, request: Request) -> Node:
    """Return the tree of the devices that a request means, by any of a node's ways to look."""
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


def _shown(
    request: Request, devices: list[dict[str, Any]], readings: Sequence[Reading]
) -> list[dict[str, Any]]:
    """Return devices as the request wants to see them."""
    wanted = request["state"]
    names = frozenset(map(str, wanted)) if isinstance(wanted, list) else frozenset()
    values = by_device(readings, names) if wanted else {}
    for device in devices:
        if not request["connection"]:
            device.pop("connectionInfo", None)
        if wanted:
            device["compositeState"] = values.get(device["id"], {})
        device["deviceId"] = device["id"]
    return devices


async def _create(asking: Asking, request: Request) -> dict[str, Any]:
    body = msgspec.json.encode(await _by_recipe(asking, request))
    document = await asking.services[Catalog].create(
        asking.caller, KIND, asking.application_id, body
    )
    return _decoded(document)


async def _by_recipe(asking: Asking, request: Request) -> Any:
    """Return the body of a new device, made by the recipe that the request names, if any."""
    given = request["body"]
    if "recipeId" not in request:
        return given
    recipe_id = str(request["recipeId"]).lower()
    if not is_id(recipe_id):
        raise Missing("Device recipe was not found")
    recipe = await asking.store.read(
        lambda session: session.resources.get(RECIPE, asking.application_id, recipe_id)
    )
    return body_of(recipe, given) if isinstance(given, dict) else given


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
        "device.find": _find,
        "device.create": each(_create),
        "device.update": each(_update),
        "device.delete": each(_delete),
    }
)
