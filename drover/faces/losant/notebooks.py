"""Notebooks: their files, runs, what became of runs, and the minutes they took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app import multipart
from drover.app.catalog import Catalog
from drover.app.notebooks.asking import FILE_PATH, Notebooks, RunAsked
from drover.app.notebooks.minutes import NotebookMinutes
from drover.app.notebooks.room import MOST_BYTES
from drover.app.payload_counts import PayloadCounts
from drover.faces.losant import _envelope
from drover.faces.losant._jobs import enqueued, told
from drover.faces.losant._moments import days
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.notebook import KIND, Notebook
from drover.model.errors import Invalid
from drover.model.fields import Email, Url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ONE: Final = f"/applications/{{applicationId}}/notebooks/{{{KIND.identifier}}}"
_FORM_BYTES: Final = MOST_BYTES + 65_536
_LONGEST_LIST: Final = 1000
_LONGEST_NAME: Final = 1024
_LAST_MS: Final = 253_402_300_799_999
_FILE: Final = "jupyterFile"
_MINUTES: Final = "notebookMinuteCounts"
_INPUTS: Final = "requestInputDataExport"


class MomentObject(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"date": "$date"}
):
    """A moment as an object."""

    date: str


class ExecutionOptions(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The body that has a notebook run, or its input files made."""

    relative_to: str | float | MomentObject | UnsetType = UNSET
    template_context: Annotated[str, Meta(max_length=32_767)] | UnsetType = UNSET
    email: Email | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET


class _Calls:
    """The operations on notebooks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _notebooks(self) -> Notebooks:
        return self._services[Notebooks]

    async def get(self, call: Call) -> bytes:
        """Return one, with where its file is, and what it did lately once it was run."""
        notebook_id = call.path[KIND.identifier]
        document = await self._services[Catalog].get(KIND, call.application_id, notebook_id)
        found: Notebook = KIND.load(document)
        if found.jupyter_file_name is not UNSET:
            url = self._notebooks.url(call.application_id, notebook_id)
            document = _envelope.with_member(document, "jupyterFileUrl", url)
        if found.last_execution_requested is not UNSET:
            minutes = self._services[NotebookMinutes]
            stats = await minutes.stats(call.application_id, notebook_id)
            document = _envelope.with_member(document, "stats", stats)
        return _envelope.one(KIND, call, document)

    async def execute(self, call: Call) -> dict[str, Any]:
        """Have a notebook run."""
        run_id = await self._notebooks.execute(
            call.caller, call.application_id, call.path[KIND.identifier], _asked(call)
        )
        return {"success": True, "executionId": run_id}

    async def cancel(self, call: Call) -> dict[str, bool]:
        """End a run."""
        run_id = call.needed_id("executionId")
        await self._notebooks.cancel(
            call.caller, call.application_id, call.path[KIND.identifier], run_id
        )
        return {"success": True}

    async def logs(self, call: Call) -> list[dict[str, Any]]:
        """Return the latest runs."""
        limit = call.whole("limit", 1, least=1, most=_LONGEST_LIST)
        since_ms = call.whole("since", 0, most=_LAST_MS) or None
        return await self._notebooks.logs(
            call.application_id, call.path[KIND.identifier], limit, since_ms
        )

    async def minutes(self, call: Call) -> dict[str, Any]:
        """Return how long a notebook ran, by day."""
        notebook_id = call.path[KIND.identifier]
        span = days(call, self._services[PayloadCounts].clock.now_ms())
        await self._notebooks.check(call.application_id, notebook_id)
        return await self._services[NotebookMinutes].minutes(
            [call.application_id], span, notebook_id
        )

    async def export_inputs(self, call: Call) -> Answer:
        """Have the input files made."""
        job_id = await self._notebooks.export_inputs(
            call.caller, call.application_id, call.path[KIND.identifier], _asked(call)
        )
        return enqueued(job_id)

    async def upload(self, call: Call) -> bytes:
        """Take the file of a notebook."""
        sent = multipart.named_parts(call.headers.get("content-type", ""), call.body)
        if _FILE not in sent:
            raise Invalid(f"The form needs a part {_FILE}", field=_FILE)
        name, content = sent[_FILE]
        document = await self._notebooks.receive(
            call.application_id, call.path[KIND.identifier], _file_name(name), content
        )
        return _envelope.one(KIND, call, document)

    async def file(self, call: Call) -> Answer:
        """Return the file of a notebook."""
        signed = call.text("expires"), call.text("signature")
        name, content = await self._notebooks.file(
            call.application_id, call.path[KIND.identifier], *signed
        )
        return Answer(
            content,
            headers={
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
            media_type="application/x-ipynb+json",
        )


def _file_name(given: str) -> str:
    name = given.replace("\\", "/").rsplit("/", 1)[-1][:_LONGEST_NAME]
    return name if name.isprintable() and name else "notebook.ipynb"


def _asked(call: Call) -> RunAsked:
    given = call.json(ExecutionOptions) if call.body.strip() else ExecutionOptions()
    moment = given.relative_to
    if isinstance(moment, MomentObject):
        moment = moment.date
    listeners = told(call, given.email or None, given.callback_url or None)
    return RunAsked(
        relative_to=None if moment is UNSET else moment,
        template_context=given.template_context or None,
        listeners=listeners,
    )


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on notebooks, beside the usual ones."""
    calls = _Calls(services)
    for method, verb, run, scope, parameters in (
        ("POST", "execute", calls.execute, "execute", ()),
        ("POST", "cancelExecution", calls.cancel, "execute", ("executionId",)),
        ("GET", "logs", calls.logs, "logs", ("limit", "since")),
        ("GET", _MINUTES, calls.minutes, _MINUTES, ("start", "end")),
        ("POST", _INPUTS, calls.export_inputs, _INPUTS, ()),
        ("POST", "upload", calls.upload, "upload", ()),
    ):
        yield Operation(
            method=method,
            path=f"{_ONE}/{verb}",
            scopes=KIND.scopes(scope, reads=method == "GET" or verb == _INPUTS),
            run=run,
            name=f"notebook.{verb}",
            summary=str(run.__doc__).rstrip("."),
            status=202 if verb == _INPUTS else 200,
            body=ExecutionOptions if verb in ("execute", _INPUTS) else None,
            parameters=parameters,
            max_body_bytes=_FORM_BYTES if verb == "upload" else None,
        )
    yield Operation(
        method="GET",
        path=_ONE,
        scopes=KIND.scopes("get"),
        run=calls.get,
        name="notebook.get",
        summary="Read one notebook",
        kind=KIND.one,
    )
    yield Operation(
        method="GET",
        path=FILE_PATH,
        scopes=None,  # the signature is the key
        run=calls.file,
        name="notebook.file",
        summary="Fetch the file of a notebook",
        parameters=("expires", "signature"),
        ours=True,
    )
