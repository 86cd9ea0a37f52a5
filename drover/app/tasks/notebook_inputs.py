"""Make the input files of a notebook, to be fetched."""

from __future__ import annotations

from drover.app.long_tasks import LongTask
from drover.app.notebooks.export import ExportInputs

TASK = LongTask("notebook_inputs", "NotebookInputDataExport", ExportInputs)
