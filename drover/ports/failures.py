"""Ways in which stored state can be out of reach, as every room above sees them.

StoreError
  StoreFull       the disk or a quota of the store is full; reads still work (a face answers 507)
  StoreBusy       no connection or lock came free in time; trying again may help (503)
  StoreLost       the connection broke; whether a running write was kept is unknown (503)
  StoreClosed     the store is not open, or is closing (503)
  StoreRefused    the store may not be opened as it is: settings, lock, version (refuses to start)
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of all failures of the store that are not mistakes in the program."""


class StoreFull(StoreError):
    """The disk or a quota of the store is full: nothing of the write was kept, reads still work."""


class StoreBusy(StoreError):
    """No connection or lock came free in time: nothing of the work was kept."""


class StoreLost(StoreError):
    """The connection to the store broke: whether a running write was kept is unknown."""


class StoreClosed(StoreError):
    """The store is not open, or is closing."""


class StoreRefused(StoreError):
    """The store may not be opened as it is: weak settings, locked, or of another version."""
