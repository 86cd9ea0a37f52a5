"""What workers ask the server for: acknowledgements go to the engine, the rest to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.engine.acks import Acks
    from drover.ports.runner import FlowBatch, Settled


class HostOperations(Protocol):
    """The operations of the host, for the flow and application of a batch."""

    async def call(
        self, batch: FlowBatch, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """Run one operation for each request; see ``drover.ports.host.Host``."""
        ...


class Answers:
    """Answers workers; see ``drover.ports.runner.Answerer``."""

    def __init__(self, acks: Acks, host: HostOperations) -> None:
        self._acks = acks
        self._host = host

    async def call(
        self, batch: FlowBatch, operation: str, requests: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        """Run one operation of the host for each request."""
        return await self._host.call(batch, operation, requests)

    async def settle(self, batch: FlowBatch, rows: bytes, count: int) -> Settled:
        """Acknowledge iterations of the batch itself; raises LeaseLost."""
        return await self._acks.settle(batch, rows, count)
