"""Ours: the workers that take jobs, as their users see them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from drover.app.access.authenticate import Authenticator
from drover.app.beacon_registry import BeaconRegistry
from drover.faces.operation import Answer, Call, Operation
from drover.faces.tmm._given import given_by
from drover.faces.tmm._refusals import PRIVATE
from drover.faces.tmm._sign_in import caller_of
from drover.faces.tmm._wishes import encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from drover.app.beacon_registry import Listed
    from drover.app.services import Services
    from drover.model.access import Caller


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operation that lists workers."""
    yield Operation(
        method="GET",
        path="/api/beacons",
        scopes=None,  # a userkey is asked for: _list signs the caller in
        run=partial(_list, services[Authenticator], services[BeaconRegistry]),
        name="tmm.get.beacons",
        summary="List the workers that take jobs",
        parameters=("userkey",),
        ours=True,
    )


async def _list(signs: Authenticator, registry: BeaconRegistry, call: Call) -> Answer:
    caller = await caller_of(signs, call, given_by(call))
    return Answer(_array(registry, caller), headers=PRIVATE)


async def _array(registry: BeaconRegistry, caller: Caller) -> AsyncIterator[bytes]:
    opened = False
    async for workers in registry.pages(caller):
        yield (b"," if opened else b"[") + b",".join(encoded(_shown(each)) for each in workers)
        opened = True
    yield b"]" if opened else b"[]"


def _shown(listed: Listed) -> dict[str, Any]:
    worker = listed.worker
    return {
        "worker": worker.worker,
        "status": listed.status,
        "names": worker.names,
        "labels": worker.labels,
        "version": worker.version,
        "jobs": worker.jobs,
        "user": worker.user_number,
        "first_beat": worker.first_beat_ms // 1000,
        "last_beat": worker.last_beat_ms // 1000,
    }
