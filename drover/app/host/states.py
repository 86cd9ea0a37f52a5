"""State that workflows report on behalf of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.answering import Answer, Asking, HostOperations, Request, refusal
from drover.app.device_reports import MOST_REPORTS, DeviceReports, StateReport
from drover.app.flow_pace import FlowPace
from drover.model.errors import DroverError, Invalid, Missing, TooMany

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_TOGETHER: Final = 2000
"""Reports stored in one unit of work, so that it does not hold up others for long."""

Told = tuple[str, list[StateReport]]


async def _report(asking: Asking, requests: Sequence[Request]) -> list[Answer]:
    """Store what devices are said to report, those of many requests together."""
    pace = asking.services[FlowPace]
    checked = [_checked(request, pace) for request in requests]
    told = [each for each in checked if not isinstance(each, DroverError)]
    outcomes: list[DroverError | None] = []
    for batch in _batches(told):
        outcomes += await _recorded(asking, batch)
    following = iter(outcomes)
    return [_answer(each if isinstance(each, DroverError) else next(following)) for each in checked]


async def _recorded(asking: Asking, told: Sequence[Told]) -> Sequence[DroverError | None]:
    reports = asking.services[DeviceReports]
    try:
        return await reports.record_all(asking.caller, asking.application_id, told)
    except DroverError as error:
        if len(told) == 1:
            return [error]
    # One of them is at fault: each is taken by itself, so that the others are not refused with it.
    return [outcome for each in told for outcome in await _recorded(asking, [each])]


def _checked(request: Request, pace: FlowPace) -> Told | DroverError:
    given = request["reports"]
    if len(given) > MOST_REPORTS:
        return Invalid(f"At most {MOST_REPORTS} reports are taken at a time")
    try:
        reports = [msgspec.convert(report, StateReport) for report in given]
    except msgspec.ValidationError as error:
        return Invalid(str(error))
    device_id = str(request["deviceId"]).lower()
    try:
        pace.reports(device_id)
    except TooMany as error:
        return error
    return device_id, reports


def _batches(told: Sequence[Told]) -> Iterator[list[Told]]:
    """Yield requests in order, as many together as have no more reports than may be."""
    batch: list[Told] = []
    size = 0
    for each in told:
        size += len(each[1])
        if batch and size > MOST_TOGETHER:
            yield batch
            batch, size = [], len(each[1])
        batch.append(each)
    if batch:
        yield batch


def _answer(failure: DroverError | None) -> dict[str, Any]:
    if failure is None:
        return {"result": {"success": True}}
    missing = isinstance(failure, Missing)
    return refusal(Missing("Device was not found") if missing else failure)


OPERATIONS = HostOperations({"state.report": _report})
