"""Find resources of every kind by a part of their name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.search import NameSearch
from drover.faces.operation import Call, Operation
from drover.kinds.application import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drover.app.services import Services


def operations(services: Services) -> Iterator[Operation]:
    """Yield the search of an application."""
    names = services[NameSearch]

    async def search(call: Call) -> Sequence[Mapping[str, Any]]:
        return await names.find(call.application_id, call.text("filter"))

    yield Operation(
        method="GET",
        path="/applications/{applicationId}/search",
        scopes=KIND.scopes("search", reads=True),
        run=search,
        name="application.search",
        summary="Find resources of every kind by a part of their name",
        parameters=("filter",),
    )
