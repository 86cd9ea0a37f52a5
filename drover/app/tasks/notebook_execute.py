"""Run a notebook over what an application holds."""

from __future__ import annotations

from drover.app.long_tasks import LongTask
from drover.app.notebooks.run import RunNotebook

TASK = LongTask("notebook_execute", "NotebookExecution", RunNotebook)
