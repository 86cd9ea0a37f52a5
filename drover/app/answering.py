"""The server's side of running workflows: what their nodes ask for, by the operation's name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from drover.app.flow_caller import FlowCaller
from drover.discover import discover
from drover.model.errors import DroverError, Invalid
from drover.model.iteration import Acknowledgement
from drover.ports.runner import LeaseLost

if TYPE_CHECKING:
    from drover.app.own_api import OwnApi
    from drover.app.services import Services
    from drover.engine.acks import Acks
    from drover.ports.clock import Ids
    from drover.ports.mail import Mail
    from drover.ports.runner import FlowBatch, Settled
    from drover.ports.store import Store
    from drover.ports.web import Web

AT_ONCE: Final = 32
"""Requests of one call that are worked on at the same time."""

_NUL: Final = rb"\u0000"
"""U+0000 as JSON writes it; a text may hold the same characters behind a backslash."""
_LOG = structlog.get_logger("drover.flows")

Request = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What answers are made with.

    Without ``mail`` no e-mail is sent; without ``api`` workflows do not call the server's own.
    """

    services: Services
    store: Store
    ids: Ids
    acks: Acks
    web: Web
    mail: Mail | None = None
    api: OwnApi | None = None


@dataclass(frozen=True)
class Asking:
    """Who asks: a run of a workflow, with what answers are made with."""

    batch: FlowBatch
    tools: Tools

    @property
    def services(self) -> Services:
        """The use cases of the server."""
        return self.tools.services

    @property
    def store(self) -> Store:
        """The store."""
        return self.tools.store

    @property
    def application_id(self) -> str:
        """The application of the workflow, and of all it may touch."""
        return self.batch.application_id

    @property
    def flow_id(self) -> str:
        """The workflow."""
        return self.batch.flow_id

    @property
    def caller(self) -> FlowCaller:
        """The workflow as a caller of use cases."""
        return FlowCaller(
            type="flow",
            id=self.batch.flow_id,
            scopes=frozenset({"all.Application"}),
            application_id=self.batch.application_id,
            depth=self.batch.depth,
        )


Run = Callable[[Asking, Sequence[Request]], Awaitable[list[Answer]]]


@dataclass(frozen=True)
class HostOperations:
    """The operations that one file of the ``host`` folder answers, by name."""

    by_name: Mapping[str, Run]


def each(work: Callable[[Asking, Request], Awaitable[Any]]) -> Run:
    """Return an operation that works on each request by itself, some at the same time."""

    async def run(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(request: Request) -> Answer:
            async with gate:
                try:
                    return {"result": await work(asking, request)}
                except DroverError as error:
                    return refusal(error)

        return list(await asyncio.gather(*map(one, requests)))

    return run


def refusal(error: DroverError) -> Answer:
    """Return an expected failure as the node that asked is told of it."""
    return {"error": {"type": error.code, "message": error.message}}


class FlowHost:
    """Answers workers, and what nodes ask by the name of an operation.

    See ``drover.ports.runner.Answerer`` and ``drover.ports.host.Host``.
    """

    def __init__(self, tools: Tools) -> None:
        from drover.app import host

        self.operations: dict[str, Run] = {
            name: run
            for operations in discover(host, "OPERATIONS", HostOperations)
            for name, run in operations.by_name.items()
        }
        self._tools = tools

    async def call(
        self, batch: FlowBatch, operation: str, requests: Sequence[Request]
    ) -> Sequence[Answer]:
        """Run one operation for each request, in order."""
        run = self.operations.get(operation)
        if run is None:
            message = f"The server has no operation {operation}"
            return [{"error": {"type": "NotImplemented", "message": message}}] * len(requests)
        asking = Asking(batch, self._tools)
        if _NUL not in msgspec.json.encode(requests):
            return await run(asking, requests)
        return [await _alone(run, asking, request) for request in requests]

    async def settle(self, batch: FlowBatch, rows: bytes, count: int) -> Settled:
        """Acknowledge iterations of the batch itself; raises LeaseLost."""
        return await self._tools.acks.settle(batch, rows, count)

    async def settle_all(self, batch: FlowBatch, *, ok: bool, message: str | None) -> Settled:
        """Acknowledge all iterations of the batch alike; raises LeaseLost."""
        return await self._tools.acks.settle_all(batch, Acknowledgement("", ok, message))


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(_holds_nul, value))


async def _alone(run: Run, asking: Asking, request: Request) -> Answer:
    """Run an operation for one request; not every store has a place for U+0000.

    One that holds it may fail without failing others.
    """
    try:
        (answer,) = await run(asking, [request])
    except DroverError as error:
        return refusal(error)
    except LeaseLost:
        raise
    except Exception:
        if not _holds_nul(request):
            raise
        _LOG.exception("request_refused", flow=asking.flow_id)
        return refusal(Invalid("Text must not hold the character U+0000"))
    return answer
