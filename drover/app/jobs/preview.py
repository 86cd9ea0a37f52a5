"""What a job would run over now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.jobs.execute import check_overrides
from drover.app.jobs.found import job_at
from drover.app.jobs.turns import Turns
from drover.app.jobs.wishes import query_in

if TYPE_CHECKING:
    from drover.app.jobs.execute import ExecuteBody
    from drover.app.jobs.found import Place
    from drover.app.jobs.wishes import Renderer
    from drover.ports.store import Session, Store

AT_ONCE: Final = 2
"""Previews that run at the same time: each may read a whole fleet."""

MOST_OF_APPLICATION: Final = 8
"""Previews of one application that run or wait."""

_SAMPLE: Final = 10


class JobPreview:
    """Counts matching resources without running anything."""

    def __init__(self, store: Store, renderer: Renderer) -> None:
        self._store = store
        self._renderer = renderer
        self._turns = Turns("previews", at_once=AT_ONCE, most=MOST_OF_APPLICATION)

    async def preview(self, place: Place, given: ExecuteBody) -> dict[str, Any]:
        """Return how many resources match, the first of them, and the rendered query.

        Raises Missing, Invalid naming the field that cannot be used.
        """
        check_overrides(given)
        job = await self._store.glance(lambda session: job_at(session, place))
        target = await self._renderer.rendered(place[0], given.wish(job))

        async def work(session: Session) -> tuple[int, list[bytes]]:
            query = await query_in(session, place[0], target)
            return await session.jobs.iterations.matching(place[0], target, query, _SAMPLE)

        async with self._turns.take(place[0]):
            count, documents = await self._store.read(work)
        return {
            "count": count,
            "sample": [_named(msgspec.json.decode(document)) for document in documents],
            "query": target.query,
        }


def _named(document: dict[str, Any]) -> dict[str, Any]:
    name = document.get("name") or document.get("email")
    return {"id": document["id"], **({"name": name} if isinstance(name, str) else {})}
