"""Workflows in use: press a button, read and change what a workflow keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.workflows import Press, StorageEntry, Workflows
from drover.faces.operation import Call, Operation
from drover.kinds.flow import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ONE = "/applications/{applicationId}/flows/{flowId}"


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on workflows beside the usual five."""
    use = _Use(services[Workflows])
    yield Operation(
        method="POST",
        path=f"{_ONE}/virtualButton",
        scopes=KIND.scopes("pressVirtualButton"),
        run=use.press,
        name="flow.pressVirtualButton",
        summary="Press a workflow's virtual button",
        body=Press,
    )
    yield from _storage(use)


def _storage(use: _Use) -> Iterator[Operation]:
    yield Operation(
        method="GET",
        path=f"{_ONE}/storage",
        scopes=KIND.scopes("getStorageEntries", reads=True),
        run=use.stored,
        name="flow.getStorageEntries",
        summary="Read every value that a workflow keeps",
    )
    yield Operation(
        method="PATCH",
        path=f"{_ONE}/storage",
        scopes=KIND.scopes("setStorageEntry"),
        run=use.store,
        name="flow.setStorageEntry",
        summary="Store a value for a workflow",
        body=StorageEntry,
    )
    yield Operation(
        method="DELETE",
        path=f"{_ONE}/storage",
        scopes=KIND.scopes("clearStorageEntries"),
        run=use.clear,
        name="flow.clearStorageEntries",
        summary="Forget every value that a workflow keeps",
    )
    yield Operation(
        method="GET",
        path=f"{_ONE}/storage-metadata",
        scopes=KIND.scopes("getStorageEntriesMetadata", reads=True),
        run=use.size,
        name="flow.getStorageEntriesMetadata",
        summary="Read how much a workflow keeps",
    )


class _Use:
    """The operations over the use cases."""

    def __init__(self, flows: Workflows) -> None:
        self._flows = flows

    async def press(self, call: Call) -> dict[str, bool]:
        """Press a button."""
        press = call.json(Press)
        await self._flows.press(call.caller, call.application_id, call.path["flowId"], press)
        return {"success": True}

    async def stored(self, call: Call) -> dict[str, Any]:
        """Return every value."""
        return await self._flows.stored(call.application_id, call.path["flowId"])

    async def store(self, call: Call) -> dict[str, bool]:
        """Store a value, or forget it."""
        entry = call.json(StorageEntry)
        await self._flows.store_entry(call.application_id, call.path["flowId"], entry)
        return {"success": True}

    async def clear(self, call: Call) -> dict[str, Any]:
        """Forget every value; return what is left."""
        await self._flows.clear(call.application_id, call.path["flowId"])
        return {}

    async def size(self, call: Call) -> dict[str, int]:
        """Return how many keys there are and how many bytes they take."""
        keys, used = await self._flows.stored_size(call.application_id, call.path["flowId"])
        return {"keysCount": keys, "memoryUsed": used}
