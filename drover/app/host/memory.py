"""What nodes remember between runs, moved on by their rules: a batch at a time, one by one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.answering import Answer, Asking, HostOperations, Request
from drover.app.host._told import ToldBefore
from drover.flows.memory import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.ports.store import Session

MOST_REMEMBERED: Final = 10_000
"""Identifiers under which one node may remember something."""

_FULL: Final[Answer] = {
    "error": {
        "type": "Validation",
        "message": f"The node remembers something under {MOST_REMEMBERED} identifiers already",
    }
}


async def _advance(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Move memories on in the order of the requests, in one unit of work.

    So each run sees what the one before it left, whichever server that ran on. A run that is made
    again is told what it was told before.
    """
    told = ToldBefore(asking.batch)
    before = [told.answer(request) for request in requests]
    new = [request for request, known in zip(requests, before, strict=True) if known is None]

    async def work(session: Session) -> list[Answer]:
        answers = await _told_now(session, asking.flow_id, new)
        await session.jobs.firings.tell(told.to_keep(new, answers))
        return answers

    answers = iter(await asking.store.write(work) if new else ())
    return [next(answers) if known is None else known for known in before]


async def _told_now(session: Session, flow_id: str, requests: Sequence[Request]) -> list[Answer]:
    await session.flows.storage.lock(flow_id)
    now_ms = await session.now_ms()
    answers: list[Answer] = [{} for _ in requests]
    for node_id, places in _by_node(requests).items():
        wanted = [requests[place] for place in places]
        told = await _moved(session, flow_id, node_id, wanted, now_ms)
        for place, answer in zip(places, told, strict=True):
            answers[place] = answer
    return answers


async def _moved(
    session: Session, flow_id: str, node_id: str, requests: Sequence[Request], now_ms: int
) -> list[Answer]:
    memory = session.flows.memory
    found = await memory.get(flow_id, node_id, sorted({each["key"] for each in requests}))
    old: dict[str, Any] = {key: msgspec.json.decode(value) for key, value in found.items()}
    new = dict(old)
    new_keys = {each["key"] for each in requests} - old.keys()
    room = MOST_REMEMBERED - await memory.size(flow_id, node_id) if new_keys else 0
    answers: list[Answer] = []
    for request in requests:
        key = request["key"]
        kept, told = RULES[request["rule"]](new.get(key), request, now_ms)
        if kept is None:
            room += new.pop(key, None) is not None
        elif key in new or room > 0:
            room -= key not in new
            new[key] = kept
        else:
            answers.append(_FULL)
            continue
        answers.append({"result": told})
    changed = {key: msgspec.json.encode(new[key]) for key in new if new[key] != old.get(key)}
    await memory.put(flow_id, node_id, changed)
    await memory.remove(flow_id, node_id, sorted(old.keys() - new.keys()))
    return answers


def _by_node(requests: Sequence[Request]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, request in enumerate(requests):
        places[request["node"]].append(place)
    return places


OPERATIONS = HostOperations({"memory.advance": _advance})
