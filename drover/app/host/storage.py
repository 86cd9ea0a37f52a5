"""What a workflow keeps between runs: read, set, counted up and forgotten, a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from drover.app.answering import Answer, Asking, HostOperations, Request, refusal
from drover.app.workflows import keep
from drover.flows.language.numbers import plain
from drover.flows.visit import MOST_PAYLOAD_BYTES
from drover.model.errors import DroverError, Invalid, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.flows import FlowStorage
    from drover.ports.store import Session


async def _get(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Return values by key, or all there are."""

    async def work(session: Session) -> list[Answer]:
        storage = session.flows.storage
        everything = await _everything(storage, asking.flow_id, requests)
        keys = [request["key"] for request in requests if "key" in request]
        found = await storage.get(asking.flow_id, keys) if keys else {}
        return [
            everything if request.get("all") else {"result": _read(request, found)}
            for request in requests
        ]

    return await asking.store.read(work)


async def _everything(storage: FlowStorage, flow_id: str, requests: Sequence[Request]) -> Answer:
    """Return the answer to those who ask for all values, which is read and decoded once."""
    if not any(request.get("all") for request in requests):
        return {}
    try:
        found = await storage.all(flow_id, MOST_PAYLOAD_BYTES)
    except TooLarge as error:
        return refusal(error)
    value = {key: msgspec.json.decode(text) for key, text in found.items()}
    return {"result": {"found": True, "value": value}}


def _read(request: Request, found: dict[str, bytes]) -> Answer:
    text = found.get(request["key"])
    if text is None:
        return {"found": False, "value": None}
    return {"found": True, "value": msgspec.json.decode(text)}


async def _store(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Change values one after another in one unit of work, so that counts are not lost."""

    async def work(session: Session) -> list[Answer]:
        await session.flows.storage.lock(asking.flow_id)
        return [await _changed(session, asking.flow_id, request) for request in requests]

    return await asking.store.write(work)


async def _changed(session: Session, flow_id: str, request: Request) -> Answer:
    try:
        return {"result": await _change(session, flow_id, request)}
    except DroverError as error:
        return refusal(error)


async def _change(session: Session, flow_id: str, request: Request) -> Answer:
    key, action = request["key"], request["action"]
    if action == "set":
        await keep(session, flow_id, key, request["value"])
        return {"value": request["value"]}
    found = (await session.flows.storage.get(flow_id, [key])).get(key)
    old = None if found is None else msgspec.json.decode(found)
    if action == "clear":
        await session.flows.storage.remove(flow_id, key)
        return {} if found is None else {"value": old}
    value = _sum(old, request["value"])
    await keep(session, flow_id, key, value)
    return {"value": value}


def _sum(old: object, step: float) -> float:
    if old is None:
        return step
    if isinstance(old, bool) or not isinstance(old, int | float):
        raise Invalid("The stored value is not a number")
    return plain(old + step)


OPERATIONS = HostOperations({"storage.get": _get, "storage.store": _store})
