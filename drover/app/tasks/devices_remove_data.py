"""Delete what the devices that a query matches have reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.bulk import Bulk
from drover.app.device_bulk import ForgetData
from drover.app.devices import Devices
from drover.app.exports import ExportRoom
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Bulk:
    return Bulk(services[ExportRoom].store, ForgetData(services[Devices]))


TASK = LongTask("devices_remove_data", "DevicesRemoveData", _make)
