"""From the parts that a batch carries to the payloads its runs start with, inside a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.flows import decode, start_payload
from drover.flows.language import deep_copy
from drover.flows.payload import dated, from_ms, shown_device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.ports.runner import FlowBatch, IterationBatch

_DECODE: Final = msgspec.json.Decoder().decode


def payloads_of(batch: FlowBatch) -> list[dict[str, Any]]:
    """Return a batch's payloads, each with values of its own: runs change them in place."""
    if batch.iterations is not None:
        return _iterations(batch.iterations)
    return [decode(document) for document in batch.payloads]


def _iterations(given: IterationBatch) -> list[dict[str, Any]]:
    # Written for speed: what items share is built once and copied, no more than runs may change.
    root = start_payload(
        given.trigger_type,
        given.job_id,
        None,
        now_ms=given.time_ms,
        relay=(given.job_id, "resourceJob"),
    )
    execution = decode(given.execution)
    nested = [key for key, value in execution.items() if isinstance(value, dict | list)]
    kind, show = given.resource_type, _SHOWN.get(given.resource_type, dated)
    prefix = f"{given.execution_id}-"
    tells = given.retries is not None or given.started_ms is not None
    payloads = []
    for index, resource_id in enumerate(given.resource_ids):
        own = execution.copy()
        for key in nested:
            own[key] = deep_copy(own[key])
        data = {
            kind: show(_DECODE(given.documents[index])),
            "execution": own,
            "iterationId": prefix + resource_id,
        }
        if tells:
            data.update(_attempt(given, index))
        if given.serial:
            data["accumulator"] = _accumulator(given)
        payloads.append({**root, "data": data})
    return payloads


def _aliased(alias: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what shows a resource with its id under a second name too."""

    def show(document: dict[str, Any]) -> dict[str, Any]:
        return {**dated(document), alias: document["id"]}

    return show


_SHOWN: Final[Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "device": shown_device,
    "experienceGroup": _aliased("experienceGroupId"),
    "experienceUser": _aliased("experienceUserId"),
}
"""How resources look in payloads; rows have no second name."""


def _accumulator(given: IterationBatch) -> Any:
    if given.accumulator is None:
        return {}
    try:
        value = _DECODE(given.accumulator)
    except msgspec.DecodeError:
        return given.accumulator
    return value if isinstance(value, dict | list) else given.accumulator


def _attempt(given: IterationBatch, index: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if given.retries is not None and given.attempts is not None:
        left = given.retries[index] < given.max_retries
        if given.retry_on_failure or given.retry_on_timeout:
            told["attemptNumber"] = given.attempts[index]
            told["willRetryOnFailure"] = given.retry_on_failure and left
            told["willRetryOnTimeout"] = given.retry_on_timeout and left
    if given.started_ms is not None:
        told["iterationStartedAt"] = from_ms(given.started_ms[index])
    return told
