"""Changes of many devices or events: what is little is done at once, what is much by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from drover.model.access import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.ports.store import Session, Store
    from drover.ports.tasks import Output, Task

AT_ONCE: Final = 1000
"""How many are changed while the caller waits; more become a job."""


class Verb(Protocol):
    """What is done to each of many, some of them in a unit of work of ``batch``."""

    batch: int

    async def ids(self, session: Session, task: Task) -> Sequence[str]:
        """Return which ones, in order of their ids. Raises Invalid."""
        ...

    async def act(self, session: Session, task: Task, ids: Sequence[str]) -> Mapping[str, int]:
        """Do it to some; return the counts of what came of it."""
        ...


class Bulk:
    """A long task that does something to many: some in a unit of work, with its checkpoint."""

    def __init__(self, store: Store, verb: Verb) -> None:
        self._store = store
        self._verb = verb

    async def run(self, task: Task) -> Output:
        """Return the counts of what came of it."""
        place: dict[str, Any] = task.checkpoint or {"after": "", "counts": {}}
        found = await self._store.read(lambda session: self._verb.ids(session, task))
        ids = [each for each in found if each > place["after"]]
        done = len(found) - len(ids)
        for start in range(0, len(ids), self._verb.batch):
            part = ids[start : start + self._verb.batch]

            async def some(
                session: Session, part: Sequence[str] = part, place: dict[str, Any] = place
            ) -> dict[str, Any]:
                counts = await self._verb.act(session, task, part)
                return {"after": part[-1], "counts": _sum(place["counts"], counts)}

            place = await task.step(some)
            done += len(part)
            await task.progress(done, max(done, len(found)))
        return dict(place["counts"]) or dict(await self._none(task))

    async def _none(self, task: Task) -> Mapping[str, int]:
        """Return the counts of nothing at all."""
        return await self._store.read(lambda session: self._verb.act(session, task, ()))


def caller_of(task: Task) -> Caller:
    """Return who asked for a task, as what is recorded with the changes it makes."""
    source = task.source
    kind: Any = source.type
    user_id = source.id if kind == "user" else None
    return Caller(type=kind, id=source.id, scopes=frozenset(), user_id=user_id)


def _sum(one: Mapping[str, int], two: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + count for name, count in two.items()}
