"""What notebooks are run with: the bounds of a server, and the words for what comes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.model.errors import DroverError

if TYPE_CHECKING:
    from drover.app.files import Files
    from drover.app.signed_links import SignedLinks
    from drover.app.transfer.downloads import Downloads
    from drover.ports.blobs import Blobs
    from drover.ports.notebooks import Bounds, Notebooks
    from drover.ports.store import Store
    from drover.ports.web import Web

MOST_BYTES: Final = 26_214_400
"""The most bytes a notebook's file may have."""


@dataclass(frozen=True, kw_only=True)
class NotebookRoom:
    """What runs of notebooks stand on."""

    store: Store
    blobs: Blobs
    files: Files
    downloads: Downloads
    links: SignedLinks
    web: Web
    cage: Notebooks
    bounds: Bounds

    @property
    def minutes(self) -> float:
        """How long a run may take."""
        return self.bounds.seconds / 60


class RunFailed(DroverError):
    """A notebook's run ended otherwise than well; ``code`` is the name of its error."""

    def __init__(self, name: str, message: str) -> None:
        """Say what it is called, and what happened."""
        super().__init__(message)
        self.code = name
