"""Bring a template into an application."""

from drover.app.long_tasks import LongTask
from drover.app.transfer.import_work import ImportWork

TASK = LongTask(kind="application_template", name="ApplyTemplate", make=ImportWork.of)
