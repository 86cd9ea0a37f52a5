"""State that workflows report on behalf of devices."""

from __future__ import annotations

from typing import Any

import msgspec

from drover.app.answering import Asking, HostOperations, Request, each
from drover.app.device_reports import MOST_REPORTS, DeviceReports, StateReport
from drover.model.errors import Invalid, Missing


async def _report(asking: Asking, request: Request) -> dict[str, Any]:
    """Store what a device is said to report."""
    reports = request["reports"]
    if len(reports) > MOST_REPORTS:
        raise Invalid(f"At most {MOST_REPORTS} reports are taken at a time")
    try:
        given = [msgspec.convert(report, StateReport) for report in reports]
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error
    device_id = str(request["deviceId"]).lower()
    try:
        await asking.services[DeviceReports].record(
            asking.caller, asking.application_id, device_id, given
        )
    except Missing as error:
        raise Missing("Device was not found") from error
    return {"success": True}


OPERATIONS = HostOperations({"state.report": each(_report)})
