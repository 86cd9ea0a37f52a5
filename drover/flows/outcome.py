"""What is told of a run: its record, the error that ended it, the payload it had then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

from drover.flows.language import InvalidJsonTemplate, LanguageError, PathError, RenderLimit
from drover.flows.payload import encode
from drover.flows.visit import Run, Thrown, measure
from drover.ports.runner import RunRecord

if TYPE_CHECKING:
    from drover.flows.compile import CompiledNode

MOST_ERRORED_BYTES: Final = 256 * 1024
"""A larger payload is not handed to the triggers on errors."""

OMITTED: Final = b'"Payload data omitted due to size"'
"""What they get instead."""

_NAMES: Final = (
    (InvalidJsonTemplate, "InvalidJsonTemplate"),
    ((LanguageError, PathError), "Validation"),
    ((RenderLimit, RecursionError, MemoryError), "PayloadTooLarge"),
)

_log = structlog.get_logger()


def record_of(run: Run, started_ms: int) -> RunRecord:
    """Return the record of a run that has ended."""
    return RunRecord(
        ok=run.failure is None,
        paths_completed=run.paths_completed,
        paths_failed=run.paths_failed,
        wall_time_ms=float(run.ended_ms - started_ms),
        error=run.failure,
        debug=run.debug,
        errored_payload=run.errored,
    )


def thrown_of(error: Exception) -> Thrown:
    """Return any error of a node as one that is thrown; raises ConnectionError again."""
    if isinstance(error, Thrown):
        return error
    if isinstance(error, ConnectionError):
        raise error
    for kind, name in _NAMES:
        if isinstance(error, kind):
            return Thrown(name, str(error) or "A value is nested too deep or too large")
    _log.error("node_failed", exc_info=error)
    return Thrown("InternalError", f"The node failed: {type(error).__name__}")


def failure_of(node: CompiledNode, thrown: Thrown) -> dict[str, Any]:
    """Return the error that ended a run, as triggers on errors and the history show it."""
    error: dict[str, Any] = {"name": thrown.name, "message": thrown.message}
    if thrown.stack is not None:
        error["stack"] = thrown.stack
    return {"error": error, "nodeId": node.id, "nodeType": node.type, "nodeLabel": node.label}


def withheld(payload: Any) -> bytes:
    """Return the payload of a failed run as JSON, or a text in its place when it is too large."""
    if measure(payload, MOST_ERRORED_BYTES) > MOST_ERRORED_BYTES:
        return OMITTED
    try:
        encoded = encode(payload)
    except (RecursionError, ValueError):
        return OMITTED
    return encoded if len(encoded) <= MOST_ERRORED_BYTES else OMITTED
