"""The inventory of all jobs in the store; see ``drover.ports.inventory``."""

from drover.store.inventory.area import InventoryArea
from drover.store.inventory.bulk import BulkArea
from drover.store.inventory.stream import InventoryRows

__all__ = ["BulkArea", "InventoryArea", "InventoryRows"]
