"""Calling an operator's Python functions for many payloads, without holding the loop.

A plain function runs in one thread for the whole wave, one value after another; a function that
outlives its time is left behind in its thread and the rest of the wave moves to a new one, as long
as few are left behind. An async function runs on the loop, for many values at once.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.flows.visit import MOST_PAYLOAD_BYTES
from drover.handlers import REGISTERED

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_LEFT_BEHIND: Final = 64
"""Calls that may still run after their time, in one process: each holds a thread."""

_LONGEST_MESSAGE: Final = 1000
_ANYTHING: Final = (Exception, SystemExit, KeyboardInterrupt)
"""What an operator's code may raise: its wish to exit is not the worker's."""

_TIMED_OUT: Final = ("Timeout", "The handler ran longer than it may")


class PythonCall(NamedTuple):
    """One call of a function: its argument and how long it may take, in seconds."""

    value: Any
    timeout_s: float


class Outcome(NamedTuple):
    """What came of a call: a value, or the name and message of an error."""

    value: Any = None
    error: tuple[str, str] | None = None


_NOTHING: Final = Outcome()
_CROWDED: Final = Outcome(
    error=("Busy", f"{MOST_LEFT_BEHIND} calls of handlers run on after their time")
)
_LEFT_BEHIND: Final[set[_Hop]] = set()


def left_behind() -> int:
    """Return how many calls run on after their time."""
    return len(_LEFT_BEHIND)


def is_sync(handler: str) -> bool:
    """Tell whether a function's calls take turns in one thread."""
    return not inspect.iscoroutinefunction(REGISTERED.get(handler))


async def call(handler: str, calls: list[PythonCall]) -> list[Outcome]:
    """Call the function registered as ``handler`` for each value; never raises for its errors."""
    function = REGISTERED.get(handler)
    if function is None:
        missing = Outcome(error=("NotFound", f"No handler is registered as '{handler}'"))
        return [missing] * len(calls)
    if inspect.iscoroutinefunction(function):
        return await _awaited(function, calls)
    return await _threaded(function, calls)


async def _awaited(function: Callable[[Any], Any], calls: list[PythonCall]) -> list[Outcome]:
    """Let all calls wait at once; one that is late is cancelled."""
    tasks = [asyncio.create_task(_one(function, one.value)) for one in calls]
    try:
        await _in_time(tasks, calls)
    finally:
        unfinished = [task for task in tasks if not task.done()]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
    return [Outcome(error=_TIMED_OUT) if task.cancelled() else task.result() for task in tasks]


async def _in_time(tasks: list[asyncio.Task[Outcome]], calls: list[PythonCall]) -> None:
    """Wait for calls, cancelling the late ones; most often all may take equally long."""
    began_s = time.monotonic()
    for timeout_s in sorted({one.timeout_s for one in calls}):
        alike = [task for task, one in zip(tasks, calls, strict=True) if one.timeout_s == timeout_s]
        left_s = began_s + timeout_s - time.monotonic()
        _, late = await asyncio.wait(alike, timeout=max(left_s, 0))
        for task in late:
            task.cancel()


async def _one(function: Callable[[Any], Any], value: Any) -> Outcome:
    try:
        return _outcome(await function(value))
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        return _failed(error)  # the function's own: taken for ours, nobody would be answered
    except _ANYTHING as error:
        return _failed(error)


async def _threaded(function: Callable[[Any], Any], calls: list[PythonCall]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    while len(outcomes) < len(calls):
        if len(_LEFT_BEHIND) >= MOST_LEFT_BEHIND:
            return outcomes + [_CROWDED] * (len(calls) - len(outcomes))
        hop = _Hop(function, calls[len(outcomes) :])
        await hop.finish()
        outcomes.extend(hop.outcomes)
    return outcomes


class _Hop:
    """One trip to a thread, for as many calls as keep to their time."""

    def __init__(self, function: Callable[[Any], Any], calls: list[PythonCall]) -> None:
        self.outcomes: list[Outcome] = []
        self._function = function
        self._calls = calls
        self._began_s = time.monotonic()
        self._left_behind = False
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()

    async def finish(self) -> None:
        """Return when all calls are done, or one has outlived its time."""
        threading.Thread(target=self._run, name="drover-python-handler", daemon=True).start()
        while not self._over.is_set():
            late_s = self._overdue_in_s()
            if late_s <= 0 and self._leave_behind():
                return
            try:
                async with asyncio.timeout(max(late_s, 0.001)):
                    await self._over.wait()
            except TimeoutError:
                continue

    def _overdue_in_s(self) -> float:
        at = min(len(self.outcomes), len(self._calls) - 1)
        return self._began_s + self._calls[at].timeout_s - time.monotonic()

    def _leave_behind(self) -> bool:
        with self._lock:
            if self._overdue_in_s() > 0 or len(self.outcomes) == len(self._calls):
                return False
            self._left_behind = True
            _LEFT_BEHIND.add(self)
            self.outcomes.append(Outcome(error=_TIMED_OUT))
            return True

    def _run(self) -> None:
        for one in self._calls:
            outcome = self._call(one.value)
            with self._lock:
                if self._left_behind:
                    _LEFT_BEHIND.discard(self)
                    return
                self.outcomes.append(outcome)
                self._began_s = time.monotonic()
        self._loop.call_soon_threadsafe(self._over.set)

    def _call(self, value: Any) -> Outcome:
        try:
            return _outcome(self._function(value))
        except _ANYTHING as error:
            return _failed(error)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _outcome(value: Any) -> Outcome:
    """Return a result as plain JSON values; raises what encoding it raises."""
    if value is None:
        return _NOTHING
    encoded = msgspec.json.encode(value)
    if len(encoded) > MOST_PAYLOAD_BYTES:
        return Outcome(error=("PayloadTooLarge", "The handler's result is too large"))
    return Outcome(msgspec.json.decode(encoded))


def _failed(error: BaseException) -> Outcome:
    return Outcome(error=(type(error).__name__, _told(error)))


def _told(error: BaseException) -> str:
    """Return the error's text as far as it can be told on."""
    try:
        return str(error).encode("utf-8", "replace").decode()[:_LONGEST_MESSAGE]
    except Exception:  # noqa: BLE001 - an error of the operator's may fail at that, too
        return ""
