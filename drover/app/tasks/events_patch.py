"""Update the events that a query matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.bulk import Bulk
from drover.app.event_bulk import PatchEvents
from drover.app.events import Events
from drover.app.exports import ExportRoom
from drover.app.long_tasks import LongTask

if TYPE_CHECKING:
    from drover.app.services import Services


def _make(services: Services) -> Bulk:
    return Bulk(services[ExportRoom].store, PatchEvents(services[Events]))


TASK = LongTask("events_patch", "EventsPatch", _make)
