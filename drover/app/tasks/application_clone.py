"""Copy an application into a new one."""

from drover.app.long_tasks import LongTask
from drover.app.transfer.import_work import ImportWork

TASK = LongTask(kind="application_clone", name="CloneApplication", make=ImportWork.of)
