"""Why an execution that has not ended does nothing, or not more, at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.execution import State

if TYPE_CHECKING:
    from drover.model.run import Execution


def why_it_waits(execution: Execution, now_ms: int) -> str | None:
    """Return a sentence for people; None when it has ended, or works as fast as it can."""
    if execution.state.is_final:
        return None
    if execution.state is State.RUNNING:
        return _running(execution, now_ms)
    if execution.state is State.PAUSED:
        return f"It is paused: nothing more begins until it is resumed.{_begun(execution)}"
    if execution.state in (State.CANCELING, State.FAILING):
        return f"Nothing more begins.{_begun(execution)}"
    return _not_begun(execution, now_ms)


def _not_begun(execution: Execution, now_ms: int) -> str:
    if execution.state is State.NEW:
        return "Nobody has asked for it to run yet."
    if execution.due_ms > now_ms:
        return f"It begins in {_seconds(execution.due_ms - now_ms)}."
    if execution.worker is not None:
        return "The resources it is to run over are being chosen."
    return "It waits for a server to begin with it."


def _running(execution: Execution, now_ms: int) -> str | None:
    to_begin = execution.remaining - execution.waiting
    if to_begin > 0 and execution.in_flight >= execution.pace.concurrency:
        most = execution.pace.concurrency
        return f"At most {most} run at once: {to_begin} wait for one of them to end."
    if to_begin > 0 and execution.next_claim_ms > now_ms:
        delay = _seconds(execution.next_claim_ms - now_ms)
        return f"The delay between iterations: the next begins in {delay}."
    if to_begin <= 0 and execution.in_flight:
        timeout = _seconds(execution.pace.timeout_ms)
        return f"All have begun: {execution.in_flight} are to be acknowledged within {timeout}."
    if to_begin <= 0 and execution.waiting:
        return f"{execution.waiting} wait to be tried again."
    return None


def _begun(execution: Execution) -> str:
    if not execution.in_flight:
        return ""
    return f" {execution.in_flight} that have begun are still to be acknowledged."


def _seconds(ms: int) -> str:
    return f"{max(ms, 0) / 1000:.1f} s" if ms < 10_000 else f"{round(ms / 1000)} s"  # noqa: PLR2004 - below ten, tenths tell something
