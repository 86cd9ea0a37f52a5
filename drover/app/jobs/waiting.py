"""Why an execution that has not ended does nothing, or not more, at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.execution import State

if TYPE_CHECKING:
    from drover.model.run import Execution


_UNSEEN_MS: Final = 15_000
"""After so long without anybody who takes it, it is doubtful that somebody will."""


def why_it_waits(execution: Execution, now_ms: int, retry_ms: int | None = None) -> str | None:
    """Return a sentence for people; None when it has ended, or works as fast as it can.

    ``retry_ms`` is when the next of its items is to be tried again, where that is known.
    """
    if execution.state.is_final:
        return None
    if execution.state is State.RUNNING:
        return _running(execution, now_ms, retry_ms)
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
    waited_ms = now_ms - max(execution.due_ms, execution.requested_ms)
    if waited_ms > _UNSEEN_MS:
        waited = _seconds(waited_ms)
        return f"No server has begun with it for {waited}: one with the role engine must run."
    return "It waits for a server to begin with it."


def _running(execution: Execution, now_ms: int, retry_ms: int | None) -> str | None:
    if execution.remaining <= execution.waiting:
        return _all_begun(execution, now_ms, retry_ms)
    to_begin = execution.remaining - execution.waiting
    if execution.in_flight >= execution.pace.concurrency:
        most = execution.pace.concurrency
        return f"At most {most} run at once: {to_begin} wait for one of them to end."
    if execution.next_claim_ms > now_ms:
        delay = _seconds(execution.next_claim_ms - now_ms)
        return f"The delay between iterations: the next begins in {delay}."
    begun_ms = execution.started_ms
    if not execution.in_flight and begun_ms is not None and now_ms - begun_ms > _UNSEEN_MS:
        return "Nothing of it runs though it could: no engine is alive, or all are busy."
    return None


def _all_begun(execution: Execution, now_ms: int, retry_ms: int | None) -> str | None:
    if execution.in_flight:
        timeout = _seconds(execution.pace.timeout_ms)
        return f"All have begun: {execution.in_flight} are to be acknowledged within {timeout}."
    if execution.waiting:
        when = "" if retry_ms is None else f", the first in {_seconds(retry_ms - now_ms)}"
        return f"{execution.waiting} wait to be tried again{when}."
    return None


def _begun(execution: Execution) -> str:
    if not execution.in_flight:
        return ""
    return f" {execution.in_flight} that have begun are still to be acknowledged."


def _seconds(ms: int) -> str:
    return f"{max(ms, 0) / 1000:.1f} s" if ms < 10_000 else f"{round(ms / 1000)} s"  # noqa: PLR2004 - below ten, tenths tell something
