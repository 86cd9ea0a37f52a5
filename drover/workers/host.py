"""The server as a running batch sees it from inside a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from drover.model.iteration import cut_message
from drover.ports.runner import ACKNOWLEDGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drover.ports.runner import FlowBatch, Settled
    from drover.ports.scripts import ScriptResult, Scripts

_REFUSED: Final = {
    "unknown": ("NotFound", "Iteration was not found"),
    "ended": ("Validation", "Iteration was already acknowledged"),
    "fenced": ("Validation", "Iteration was handed to another worker"),
}
_ENCODE: Final = msgspec.json.Encoder().encode

Request = dict[str, Any]


class Server(Protocol):
    """The way to the server; each call raises ConnectionError when it, or the lease, is gone."""

    async def ask(
        self, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Run an operation of the host."""
        ...

    async def settle(self, rows: bytes, count: int) -> Settled:
        """Acknowledge iterations of the batch itself."""
        ...

    async def settle_all(self, *, ok: bool, message: str | None) -> Settled:
        """Acknowledge all iterations of the batch alike."""
        ...


class BatchHost:
    """The host of one batch: acknowledgements of its own iterations travel in short form.

    ``released`` is called once all of these have been sent.
    """

    def __init__(
        self,
        batch: FlowBatch,
        server: Server,
        scripts: Scripts,
        released: Callable[[], None] = lambda: None,
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._owner = f"{batch.application_id}/{batch.flow_id}"
        own = batch.iterations.resource_ids if batch.iterations and batch.lease_id else ()
        self._serial = batch.iterations is not None and batch.iterations.serial
        prefix = f"{batch.execution_id}-"
        self._own = {prefix + resource_id: resource_id for resource_id in own}
        self._unsent = set(own)
        self._released = released

    async def call(
        self, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Run one operation for each request, in order; see ``drover.ports.host.Host``."""
        if operation != ACKNOWLEDGE or not self._own:
            return await self._server.ask(operation, requests)
        return await self._acknowledge(requests)

    async def run_script(
        self, script: str, payloads: Sequence[Any], timeout_ms: int
    ) -> Sequence[ScriptResult]:
        """Run a user's JavaScript over each payload in the cage."""
        return await self._scripts.run(script, payloads, timeout_ms=timeout_ms, owner=self._owner)

    async def _acknowledge(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        first: dict[str, Mapping[str, Any]] = {}
        others: list[int] = []
        own = self._own
        for index, request in enumerate(requests):
            resource_id = own.get(request["iterationId"])
            if resource_id is None or resource_id in first:
                others.append(index)
            else:
                first[resource_id] = request
        answers = await self._settle(first) if first else []
        if not others:
            return answers
        later = await self._server.ask(ACKNOWLEDGE, [requests[index] for index in others])
        for index, answer in zip(others, later, strict=True):
            answers.insert(index, answer)
        return answers

    async def _settle(self, given: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        if not self._serial:  # nobody comes after whom an accumulator could be handed to
            given = {
                resource_id: _alone(request) if "accumulator" in request else request
                for resource_id, request in given.items()
            }
        alike = None if self._serial or len(given) < len(self._own) else _all_alike(given)
        self._unsent.difference_update(given)
        if not self._unsent:
            self._released()
        if alike is not None:
            message = cut_message(alike.get("message"))
            settled = await self._server.settle_all(ok=alike["success"], message=message)
        else:
            settled = await self._server.settle(_rows(given), len(given))
        return [_answer(request, settled, resource_id) for resource_id, request in given.items()]


def _all_alike(given: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return what all requests say where that is the same, None where it is not."""
    requests = iter(given.values())
    first = next(requests)
    said = first["success"], first.get("message")
    if all((each["success"], each.get("message")) == said for each in requests):
        return first
    return None


def _rows(given: Mapping[str, Mapping[str, Any]]) -> bytes:
    rows = [
        (
            resource_id,
            request["success"],
            cut_message(request.get("message")),
            cut_message(request.get("accumulator")),
        )
        for resource_id, request in given.items()
    ]
    return _ENCODE(rows)


def _alone(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in request.items() if name != "accumulator"}


def _answer(request: Mapping[str, Any], settled: Settled, resource_id: str) -> dict[str, Any]:
    if resource_id in settled.refused:
        kind, message = _REFUSED[settled.refused[resource_id]]
        return {"error": {"type": kind, "message": message}}
    result = {
        "success": request["success"],
        "startedAt": settled.started_ms,
        "completedAt": settled.completed_ms,
    }
    for name in ("message", "accumulator"):
        if name in request:
            result[name] = request[name]
    return {"result": result}
