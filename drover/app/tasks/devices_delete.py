"""Delete the devices that a query matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.bulk import Bulk
from drover.app.device_bulk import DeleteDevices
from drover.app.devices import Devices
from drover.app.exports import ExportRoom
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Bulk:
    return Bulk(services[ExportRoom].store, DeleteDevices(services[Devices]))


TASK = LongTask("devices_delete", "DevicesDelete", _make)
