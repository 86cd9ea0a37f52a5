"""Long tasks: what their author sees, and the area of the store that holds them.

A task runs under a lease that its server renews. When the server dies, another one begins it again
with the checkpoint it saved last; one that lost its lease can write nothing more. So what a task
does between two checkpoints must bear being done twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from drover.ports.resources import MOST_PAGE_BYTES
from drover.query.tree import ALL, Node

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from drover.model.run import Actor, Execution
    from drover.model.task import Advance, Ending, NewTask, TaskLog
    from drover.ports.store import Session


class TaskLost(Exception):
    """Another server goes on with the task, or it is gone; this one must write nothing more."""


class TaskCanceled(Exception):
    """The task was told to stop."""


class Task(Protocol):
    """One run of a long task, as its author sees it.

    Where a method raises TaskLost or TaskCanceled, let it pass. A cancel also ends whatever the
    task awaits, with ``asyncio.CancelledError``.
    """

    @property
    def id(self) -> str:
        """The 24-hex id of the execution."""
        ...

    @property
    def application_id(self) -> str:
        """The application that the task is about; empty where there is none."""
        ...

    @property
    def source(self) -> Actor:
        """Who asked for it."""
        ...

    @property
    def input(self) -> Mapping[str, Any]:
        """What was asked for, as JSON."""
        ...

    @property
    def checkpoint(self) -> Any:
        """What was saved last, as JSON; None when nothing was."""
        ...

    @property
    def cancelled(self) -> bool:
        """Tell whether it was told to stop, for work in a thread."""
        ...

    @property
    def folder(self) -> str:
        """A folder of its own on this machine, empty at the start and removed at the end."""
        ...

    async def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell how far it has come; written now and then. Raises TaskLost, TaskCanceled."""
        ...

    async def save(self, checkpoint: Any) -> None:
        """Store a JSON value to go on from. Raises TaskLost, TaskCanceled."""
        ...

    async def step(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        """Run one unit of work and store what it returns as the checkpoint, both or neither.

        Nothing is done once the task was canceled or lost. Returns the new checkpoint. Raises
        TaskLost, TaskCanceled.
        """
        ...

    def keep(self, key: str) -> None:
        """Name the large object that belongs to the task, to be deleted with it."""
        ...


Output = dict[str, Any]
"""What a task hands back, shown in job logs and sent to whoever is told."""


class Work(Protocol):
    """What a long task does."""

    async def run(self, task: Task) -> Output:
        """Do it all, from the checkpoint on.

        A DroverError fails the task with its reason, except Unavailable and Full, after which it is
        tried again.
        """
        ...


@runtime_checkable
class EndingWork(Protocol):
    """Work that has something to store once a task of it has ended, however it did."""

    async def ended(self, session: Session, task: Execution) -> None:
        """Store it, in the unit of work that ends the task.

        Where it raises, the task has not ended and is run again; after the last try it is left out.
        """
        ...


class LogsWanted(NamedTuple):
    """Which job logs of an application, in which order."""

    query: Node = ALL
    sort_field: str = "runQueuedAt"
    descending: bool = False
    limit: int = 100
    offset: int = 0
    most_bytes: int = MOST_PAGE_BYTES
    """What was asked of tasks may name thousands of devices; a page with more of it is refused."""


class RunsOfDay(NamedTuple):
    """Tasks that ended on a day: how many, and how many minutes each had begun, added up.

    ``ended`` is the name of the error that ended them, empty for those that ended well.
    """

    day_ms: int
    ended: str
    runs: int
    minutes: int


class RunsWanted(NamedTuple):
    """Runs of which kind, in which applications, about which resource, within which span."""

    kind: str
    application_ids: Sequence[str]
    start_ms: int
    end_ms: int
    resource_id: str | None = None


class Told(NamedTuple):
    """Whom to tell of the end of a task, and which try this is."""

    log: TaskLog
    tries: int


class Tasks(Protocol):
    """Executions that are long tasks."""

    async def add(self, new: NewTask, now_ms: int) -> Execution:
        """Store one to be run; raises Duplicate where its unique key is taken."""
        ...

    async def claim(
        self, kinds: Sequence[str], worker: str, now_ms: int, until_ms: int
    ) -> Execution | None:
        """Take one that waits, or whose server fell silent; None when there is none."""
        ...

    async def hold(self, number: int, fence: int) -> Execution | None:
        """Return one whose fence still stands, held to the end of the unit; else None."""
        ...

    async def advance(self, number: int, how: Advance, until_ms: int) -> None:
        """Note how far one has come, and hold the lease until then."""
        ...

    async def leave(self, number: int, fence: int, again_ms: int, *, forgiven: bool) -> None:
        """Let another server take it from a moment on; ``forgiven`` does not count the try."""
        ...

    async def note_end(self, number: int, ending: Ending) -> None:
        """Write what came of a task, beside the move of its execution."""
        ...

    async def forget_checkpoint(self, number: int) -> None:
        """Forget what a task that has ended would have gone on from."""
        ...

    async def count_open(self, application_id: str) -> int:
        """Count an application's tasks that have not ended."""
        ...

    async def log(self, application_id: str, execution_id: str) -> TaskLog:
        """Return one; raises Missing."""
        ...

    async def logs(self, application_id: str, wanted: LogsWanted) -> tuple[list[TaskLog], int]:
        """Return a page, and how many there are in all."""
        ...

    async def runs_by_day(self, wanted: RunsWanted) -> Sequence[RunsOfDay]:
        """Return what tasks ended, by day and by how they ended."""
        ...

    async def to_tell(self, now_ms: int) -> bool:
        """Tell whether somebody is to be told of an end now."""
        ...

    async def claim_telling(self, now_ms: int, until_ms: int, limit: int) -> Sequence[Told]:
        """Take ends that somebody is to be told of; others take them again from ``until_ms``."""
        ...

    async def told(self, told: Told, left: TaskLog, again_ms: int | None) -> None:
        """Note who of ``left`` is still to be told, and when to try; None: never."""
        ...
