"""What every archive task begins with: where it reads, and where it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.archives.csv_form import CSV
from drover.app.archives.work import opened

if TYPE_CHECKING:
    from drover.app.archives.forms import Form
    from drover.app.archives.work import Archive
    from drover.app.services import Services
    from drover.ports.archives import Places
    from drover.ports.store import Store
    from drover.ports.tasks import Task


class ArchiveRoom:
    """The store that archives are read from, the places and the form that they are written in."""

    def __init__(self, store: Store, places: Places, form: Form = CSV) -> None:
        self.store = store
        self.places = places
        self.form = form


class ArchiveTask:
    """A long task that writes an archive."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._room = services[ArchiveRoom]

    async def opened(self, task: Task) -> Archive:
        """Return the archive, with what was written before; raises Invalid, Missing."""
        return await opened(self._room, task)
