"""What counting payloads costs: the very calls that ingestion makes, timed on a batch like its own.

A comparison of whole runs with and without it would have to tell apart a few per cent of what
differs by more from run to run. So the calls are timed alone, and set against the processor time
that the server takes for the same message, in the same run.
"""

from __future__ import annotations

import time
from typing import Any, Final

from drover.app.device_reports import DeviceReports, Reported, Taken
from drover.app.live.inbox import Inbox, SaidState
from drover.kinds.device import Device
from drover.model.access import Caller
from drover.model.instants import to_text
from drover.system import SystemClock

TOGETHER: Final = 500
"""Messages of one write, fewer than ingestion has at full speed: so the cost is overstated."""

ROUNDS: Final = 200


def seconds_for_each() -> float:
    """Return the processor time that counting takes for one message of state."""
    nowhere: Any = None
    reports = DeviceReports(nowhere, nowhere, SystemClock())
    inbox = Inbox(nowhere, reports)
    application = "a" * 24
    said = [
        SaidState(application, f"{number:024x}", b'{"data":{"level":500},"time":1}', lambda: None)
        for number in range(TOGETHER)
    ]
    taken = [_taken(application, each.device_id) for each in said]
    began = time.thread_time()
    for _ in range(ROUNDS):
        inbox._count(said, taken)  # noqa: SLF001 - what is measured is this very part
    return (time.thread_time() - began) / (ROUNDS * TOGETHER)


def _taken(application_id: str, device_id: str) -> Taken:
    now = to_text(1)
    device = Device(
        application_id=application_id,
        id=device_id,
        name="d",
        creation_date=now,
        last_updated=now,
    )
    caller = Caller(type="device", id=device_id, scopes=frozenset())
    return Taken(caller, device, [Reported(time_ms=1, values={"level": 500.0})])
