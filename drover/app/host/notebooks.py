"""Notebooks, run by running workflows."""

from __future__ import annotations

from typing import Any

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.host._context import context_of
from drover.app.long_tasks import NOBODY
from drover.app.notebooks.asking import Notebooks, RunAsked
from drover.model.errors import Invalid
from drover.model.fields import is_id


async def _execute(asking: Asking, request: Request) -> dict[str, Any]:
    """Have a notebook run, without waiting for it."""
    notebook_id = str(request["notebookId"]).strip().lower()
    if not is_id(notebook_id):
        raise Invalid("The notebook's id must have 24 hexadecimal digits")
    asked = RunAsked(
        relative_to=_moment(request), template_context=context_of(request), listeners=NOBODY
    )
    notebooks = asking.services[Notebooks]
    run_id = await notebooks.execute(asking.caller, asking.application_id, notebook_id, asked)
    return {"executionId": run_id, "success": True}


def _moment(request: Request) -> str | float | None:
    if "relativeTo" not in request:
        return None
    given = request["relativeTo"]
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        raise Invalid("The time that the notebook is relative to must be a date")
    return given


OPERATIONS = HostOperations({"notebook.execute": each(_execute)})
