"""Run a notebook over what an application holds."""

from __future__ import annotations

from drover.app.long_tasks import LongTask
from drover.app.notebooks.minutes import RUN_KIND
from drover.app.notebooks.run import RunNotebook

TASK = LongTask(RUN_KIND, "NotebookExecution", RunNotebook)
