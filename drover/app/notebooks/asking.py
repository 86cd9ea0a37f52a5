"""What is asked of notebooks: their files, runs, what became of runs, and the minutes they took."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, structs

from drover.app.flow_caller import depth_after
from drover.app.inventory_verbs import actor_of
from drover.app.long_tasks import Asked
from drover.app.notebooks.logs import shown
from drover.app.notebooks.room import MOST_BYTES
from drover.app.notebooks.run import context_of
from drover.app.tasks.notebook_execute import TASK as RUN
from drover.app.tasks.notebook_inputs import TASK as INPUTS
from drover.kinds.notebook import KIND
from drover.model.errors import Conflict, Invalid, Missing, TooLarge, reached
from drover.model.instants import to_ms, to_text
from drover.ports.tasks import LogsWanted
from drover.query.tree import Compare, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from drover.app.long_tasks import Listeners, LongTask, LongTasks
    from drover.app.notebooks.room import NotebookRoom
    from drover.kinds.notebook import Notebook
    from drover.model.access import Caller
    from drover.model.task import TaskLog
    from drover.ports.store import Session

LAST_MS: Final = 253_402_300_799_999
FILE_PATH: Final = "/notebook-files/{applicationId}/{notebookId}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsked:
    """What a run is asked for with: ``relative_to`` is a moment (text or ms), None for now."""

    relative_to: str | float | None = None
    template_context: str | None = None
    listeners: Listeners


class Notebooks:
    """Files and runs of the notebooks of applications."""

    def __init__(self, room: NotebookRoom, tasks: LongTasks) -> None:
        self._room = room
        self._store = room.store
        self._tasks = tasks

    async def execute(
        self, caller: Caller, application_id: str, notebook_id: str, asked: RunAsked
    ) -> str:
        """Have a notebook run, and return the id of the run.

        Raises Missing, TooMany, and Invalid where it has no file or none can be run here.
        """
        if missing := self._room.cage.missing():
            raise Invalid(missing)
        return await self._begin(caller, RUN, (application_id, notebook_id), asked)

    async def export_inputs(
        self, caller: Caller, application_id: str, notebook_id: str, asked: RunAsked
    ) -> str:
        """Have the input files of a notebook made, and return the id of the job."""
        return await self._begin(caller, INPUTS, (application_id, notebook_id), asked)

    async def _begin(
        self, caller: Caller, kind: LongTask, place: tuple[str, str], asked: RunAsked
    ) -> str:
        context_of(asked.template_context)
        application_id, notebook_id = place

        async def work(session: Session) -> str:
            old = await session.resources.lock(KIND, application_id, notebook_id)
            now_ms = await session.now_ms()
            given: dict[str, Any] = {
                "notebookId": notebook_id,
                "relativeTo": _moment(asked.relative_to, now_ms),
                "maxAllowedRunMinutes": self._room.minutes,
            }
            if depth := depth_after(caller):
                given["depth"] = depth  # of the workflows that led to it, for those it leads to
            if asked.template_context:
                given["templateContext"] = asked.template_context
            if old.image_version is not UNSET:
                given["imageVersion"] = old.image_version
            if kind is RUN:
                if old.blob_key is UNSET:
                    raise Invalid("The notebook has no file: upload one first")
                new = structs.replace(old, last_execution_requested=to_text(now_ms))
                await session.resources.put(KIND, new)
            task = Asked(
                application_id=application_id,
                resource_type="notebook",
                resource_id=notebook_id,
                input=given,
                listeners=asked.listeners,
            )
            return (await self._tasks.add(session, caller, kind, task)).id

        run_id = await self._store.write(work)
        self._tasks.wake()
        return run_id

    async def cancel(
        self, caller: Caller, application_id: str, notebook_id: str, run_id: str
    ) -> None:
        """End a run that has not ended; raises Missing, Conflict."""

        async def work(session: Session) -> None:
            log = await session.tasks.log(application_id, run_id)
            if log.resource_id != notebook_id or log.execution.kind != RUN.kind:
                raise Missing("The notebook's execution was not found")
            if log.execution.completed_ms is not None:
                raise Conflict("The notebook's execution has ended already")
            now_ms = await session.now_ms()
            await session.inventory.cancel([log.execution.number], actor_of(caller), now_ms)

        await self._store.write(work)
        self._tasks.wake()

    async def logs(
        self, application_id: str, notebook_id: str, limit: int, since_ms: int | None
    ) -> list[dict[str, Any]]:
        """Return the runs of a notebook, the newest first, asked for since a moment."""
        parts = [
            Compare("resourceId", Operator.EQUAL, notebook_id),
            Compare("name", Operator.EQUAL, RUN.name),
        ]
        if since_ms is not None:
            parts.append(Compare("runQueuedAt", Operator.GREATER_OR_EQUAL, since_ms))
        wanted = LogsWanted(query=all_of(parts), descending=True, limit=limit)

        async def work(session: Session) -> Sequence[TaskLog]:
            await session.resources.get(KIND, application_id, notebook_id)
            logs, _ = await session.tasks.logs(application_id, wanted)
            return logs

        return [shown(each) for each in await self._store.read(work)]

    async def check(self, application_id: str, notebook_id: str) -> None:
        """Return if there is such a notebook; raises Missing."""
        await self._store.read(
            lambda session: session.resources.get(KIND, application_id, notebook_id)
        )

    async def receive(
        self, application_id: str, notebook_id: str, name: str, content: bytes
    ) -> bytes:
        """Store the file of a notebook and return its document; raises Missing, Invalid, TooLarge.

        What the file runs is checked when it is run.
        """
        if len(content) > MOST_BYTES:
            raise reached("notebook_bytes", TooLarge(f"A notebook may have {MOST_BYTES} bytes"))
        _check_notebook(content)
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        key = f"notebooks/{application_id}/{notebook_id}/{etag}"
        await self.check(application_id, notebook_id)
        await self._room.blobs.put_stream(key, _one(content))

        async def work(session: Session) -> tuple[bytes, Any]:
            old: Notebook = await session.resources.lock(KIND, application_id, notebook_id)
            now = to_text(await session.now_ms())
            new = structs.replace(old, jupyter_file_name=name, blob_key=key, last_updated=now)
            await session.resources.put(KIND, new)
            shown = await session.resources.get_bytes(KIND, application_id, notebook_id)
            return shown, old.blob_key

        document, replaced = await self._store.write(work)
        if replaced and replaced != key:
            await self._room.blobs.delete(replaced)
        return document

    def url(self, application_id: str, notebook_id: str) -> str:
        """Return the signed address of a notebook's file."""
        path = FILE_PATH.format(applicationId=application_id, notebookId=notebook_id)
        return self._room.links.url(path, f"notebook {notebook_id}")

    async def file(
        self, application_id: str, notebook_id: str, expires: str, signature: str
    ) -> tuple[str, AsyncIterator[bytes]]:
        """Return the name and the content of a notebook's file; raises Forbidden, Missing."""
        self._room.links.check(f"notebook {notebook_id}", expires, signature)
        found: Notebook = await self._store.read(
            lambda session: session.resources.get(KIND, application_id, notebook_id)
        )
        if found.blob_key is UNSET or await self._room.blobs.head(found.blob_key) is None:
            raise Missing("The notebook has no file")
        return str(found.jupyter_file_name), self._room.blobs.get_stream(found.blob_key)


def _moment(given: str | float | None, now_ms: int) -> int:
    if given is None:
        return now_ms
    if isinstance(given, str):
        return to_ms(given)
    if not math.isfinite(given) or not 0 <= given <= LAST_MS:
        raise Invalid("relativeTo must be a moment", field="relativeTo")
    return int(given)


def _check_notebook(content: bytes) -> None:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("The file is no Jupyter notebook", field="jupyterFile") from error
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise Invalid("The file is no Jupyter notebook", field="jupyterFile")


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
