"""What runs notebooks: Python that users wrote, shut away from the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NOTEBOOK: Final = "notebook.ipynb"
"""The notebook, in the folder that is run."""
WORK: Final = "work"
"""The folder that the notebook finds itself in, with its input files."""
RESULT: Final = "result"
"""The folder of the run notebook and of what it printed."""


class Bounds(Struct, frozen=True, kw_only=True):
    """What a run may take: seconds, address space, and bytes on the disk."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    html: bool = False


class NotebookEnd(Struct, frozen=True, kw_only=True):
    """How a run ended: an errored one has the name and the message of the error."""

    end: Literal["completed", "errored", "timeout"]
    name: str = ""
    message: str = ""


class NotebooksUnavailable(Exception):
    """Notebooks cannot be run here; the message says what is missing."""


class Notebooks(Protocol):
    """Runs notebooks on this machine."""

    def missing(self) -> str:
        """Return what is missing to run any; empty: nothing."""
        ...

    async def run(
        self, folder: str, bounds: Bounds, told: Callable[[int, int], Awaitable[None]]
    ) -> NotebookEnd:
        """Run the notebook of a folder; nothing of it runs on when this returns or raises.

        ``told`` is given how many cells have run, and how many there are. What the run leaves in
        the folder is as hostile as its author. Raises NotebooksUnavailable.
        """
        ...
