"""One run of a long task under its lease: what its author sees, and what is written of it."""

from __future__ import annotations

import asyncio
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from drover.model.execution import State
from drover.model.run import Actor
from drover.model.task import Advance
from drover.ports.tasks import TaskCanceled, TaskLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from msgspec import UnsetType

    from drover.engine.timing import Timing
    from drover.model.run import Execution
    from drover.ports.store import Session, Store

T = TypeVar("T")

NOBODY: Final = Actor(type="system", id="0" * 24)


class RunningTask:
    """A long task that runs here; see ``drover.ports.tasks.Task``.

    ``lost`` is set once another server goes on with it, ``stopping`` once this one lets it go;
    ``reached`` is how far it said that it is.
    """

    def __init__(self, store: Store, timing: Timing, execution: Execution) -> None:
        self.execution = execution
        self.lost = False
        self.stopping = False
        self.report_key: str | None = None
        self.input: Mapping[str, Any] = msgspec.json.decode(execution.detail)
        text = execution.accumulator
        self.checkpoint: Any = msgspec.json.decode(text) if text is not None else None
        self._store = store
        self._lease_ms = timing.lease_ms
        self._written_s = _now_s()
        self._every_s = min(1000, timing.beat_ms) / 1000
        self.reached = Advance(done=execution.succeeded, total=execution.total)
        self._folder: str | None = None
        self._canceled = False

    @property
    def id(self) -> str:
        """The 24-hex id of the execution."""
        return self.execution.id

    @property
    def application_id(self) -> str:
        """The application that the task is about; empty where there is none."""
        return self.execution.application_id or ""

    @property
    def source(self) -> Actor:
        """Who asked for it."""
        return self.execution.source or NOBODY

    @property
    def cancelled(self) -> bool:
        """Tell whether it was told to stop, for work in a thread."""
        return self._canceled or self.lost or self.stopping

    @property
    def folder(self) -> str:
        """A folder of its own on this machine, empty at the start and removed at the end."""
        if self._folder is None:
            self._folder = mkdtemp(prefix=f"drover-{self.id}-")
        return self._folder

    def keep(self, key: str) -> None:
        """Name the large object that belongs to the task, to be deleted with it."""
        self.report_key = key

    async def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell how far it has come; written now and then. Raises TaskLost, TaskCanceled."""
        self.reached = Advance(done=done, total=total, note=note)
        if self.cancelled or _now_s() - self._written_s >= self._every_s:
            await self.renew()

    async def save(self, checkpoint: Any) -> None:
        """Store a JSON value to go on from. Raises TaskLost, TaskCanceled."""

        async def work(_session: Session) -> Any:
            return checkpoint

        await self.step(work)

    async def step(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        """Run one unit of work and store what it returns as the checkpoint, both or neither."""

        async def unit(session: Session) -> Any:
            value = await work(session)
            await self._note(session, msgspec.json.encode(value))
            return value

        self.checkpoint = await self._guarded(unit)
        return self.checkpoint

    async def renew(self) -> None:
        """Hold the lease and write the progress. Raises TaskLost, TaskCanceled."""
        await self._guarded(lambda session: self._note(session, UNSET))

    def clear(self) -> None:
        """Remove its folder."""
        if self._folder is not None:
            rmtree(self._folder, ignore_errors=True)

    async def _guarded(self, unit: Callable[[Session], Awaitable[T]]) -> T:
        async def held(session: Session) -> T:
            await self._check(session)
            return await unit(session)

        try:
            done = await self._store.write(held)
        except TaskLost:
            self.lost = True
            raise
        except TaskCanceled:
            self._canceled = True
            raise
        self._written_s = _now_s()
        return done

    async def _check(self, session: Session) -> None:
        held = await session.tasks.hold(self.execution.number, self.execution.fence)
        if held is None:
            raise TaskLost(f"Task {self.id} is not held here any more")
        if held.state is not State.RUNNING:
            raise TaskCanceled(f"Task {self.id} was told to stop")

    async def _note(self, session: Session, checkpoint: bytes | UnsetType) -> None:
        until_ms = await session.now_ms() + self._lease_ms
        how = msgspec.structs.replace(self.reached, checkpoint=checkpoint)
        await session.tasks.advance(self.execution.number, how, until_ms)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
