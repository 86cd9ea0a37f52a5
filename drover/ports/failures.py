"""Ways in which stored state can be out of reach, as every room above sees them.

StoreError
  StoreFull      (Full)          the disk or a quota of the store is full; reads still work
  StoreBusy      (Unavailable)   no connection or lock came free in time; trying again may help
  StoreLost      (Unavailable)   the connection broke; whether a running write was kept is unknown
  StoreClosed    (Unavailable)   the store is not open, or is closing
  StoreRefused                   the store may not be opened as it is: settings, lock, version

Faces need no line for them: the errors of the model in brackets tell the answer.
"""

from __future__ import annotations

from drover.model.errors import Full, Unavailable


class StoreError(Exception):
    """Base of all failures of the store itself."""


class StoreFull(StoreError, Full):
    """The disk or a quota of the store is full: nothing of the write was kept, reads still work."""


class StoreBusy(StoreError, Unavailable):
    """No connection or lock came free in time: nothing of the work was kept."""


class StoreLost(StoreError, Unavailable):
    """The connection to the store broke: whether a running write was kept is unknown."""


class StoreClosed(StoreError, Unavailable):
    """The store is not open, or is closing."""


class StoreRefused(StoreError):
    """The store may not be opened as it is: weak settings, locked, or of another version."""
