"""What stands for a server that has everything, where only declarations are looked at."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import drover.kinds
from drover.app.catalog import Catalog
from drover.discover import discover
from drover.model.kind import Kind


class AnyServices:
    """Gives a use case of any type; only the kinds of the catalog are real."""

    def __getitem__(self, wanted: type[Any]) -> Any:
        if issubclass(wanted, Catalog):
            return Catalog(MagicMock(), MagicMock(), discover(drover.kinds, "KIND", Kind))
        return MagicMock()
