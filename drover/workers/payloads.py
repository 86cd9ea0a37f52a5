"""From the parts that a batch carries to the payloads its runs start with, inside a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.flows import decode, iteration_data, start_payload
from drover.flows.language import UNDEFINED
from drover.flows.payload import from_ms
from drover.model.iteration import iteration_id

if TYPE_CHECKING:
    from drover.ports.runner import FlowBatch, IterationBatch

_DECODE = msgspec.json.Decoder().decode


def payloads_of(batch: FlowBatch) -> list[dict[str, Any]]:
    """Return a batch's payloads, each with values of its own: runs change them in place."""
    if batch.iterations is not None:
        return _iterations(batch.iterations)
    return [decode(document) for document in batch.payloads]


def _iterations(given: IterationBatch) -> list[dict[str, Any]]:
    relay = (given.job_id, "resourceJob")
    started = decode(given.execution)["runStartedAt"]
    return [
        start_payload(
            given.trigger_type,
            given.job_id,
            iteration_data(
                given.resource_type,
                _DECODE(document),
                _execution(given.execution, started),
                iteration_id=iteration_id(given.execution_id, resource_id),
                accumulator=_accumulator(given),
                attempt=_attempt(given, index),
            ),
            now_ms=given.time_ms,
            relay=relay,
        )
        for index, (resource_id, document) in enumerate(
            zip(given.resource_ids, given.documents, strict=True)
        )
    ]


def _execution(document: bytes, started: Any) -> dict[str, Any]:
    # Its one date is set by hand: looking for dates everywhere would cost more than all the rest.
    shown: dict[str, Any] = _DECODE(document)
    shown["runStartedAt"] = started
    return shown


def _accumulator(given: IterationBatch) -> Any:
    if not given.serial:
        return UNDEFINED
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
