"""Wake-ups between the loops of one process; other processes find the work by polling.

Some are hinted at to other servers, where there is a way: they look sooner then.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drover.model.execution import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drover.model.run import Execution

_ENDING = frozenset({State.CANCELING, State.FAILING})


def _nobody() -> None:
    """Tell nobody."""


class Wake(asyncio.Event):
    """An event that concerns other servers as well; ``elsewhere`` hints at it to them.

    ``set`` is for what was stored, ``here`` for what concerns this process alone.
    """

    def __init__(self, elsewhere: Callable[[], None] = _nobody) -> None:
        super().__init__()
        self.elsewhere = elsewhere

    def set(self) -> None:
        """Wake who waits here, and hint at it to the others."""
        self.here()
        self.elsewhere()

    def here(self) -> None:
        """Wake who waits in this process."""
        super().set()


class Stops(Wake):
    """Something that runs may have been told to stop; each who runs something is woken once."""

    def __init__(self) -> None:
        super().__init__()
        self._ears: set[asyncio.Event] = set()

    @contextmanager
    def heard(self) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever something may be to stop, for whoever clears it."""
        ear = asyncio.Event()
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    def here(self) -> None:
        """Wake everybody who listens in this process."""
        for ear in self._ears:
            ear.set()


class Signals:
    """One event for each loop that may have something to do."""

    def __init__(self) -> None:
        self.plan = asyncio.Event()
        self.dispatch = asyncio.Event()
        self.close = asyncio.Event()
        self.fire = asyncio.Event()
        self.schedule = Wake()
        """When the next schedule is due may have changed."""
        self.runs = asyncio.Event()
        self.beacons = Wake()
        """Jobs may have become eligible for workers outside."""
        self.stops = Stops()
        """Something that runs may have been told to stop."""
        self.callbacks = asyncio.Event()
        """Somebody may be to be told that a job has ended."""
        self.tasks = asyncio.Event()
        """Long tasks may wait to be run."""
        self.telling = asyncio.Event()
        """Somebody may be to be told that a long task has ended."""

    @property
    def shared(self) -> dict[str, Wake]:
        """Return what concerns other servers as well, by name."""
        return {"beacons": self.beacons, "schedule": self.schedule, "stops": self.stops}

    def asked(self) -> None:
        """Wake whoever runs long tasks: one was asked for, or asked to stop."""
        self.tasks.set()
        self.stops.set()

    def changed(self, execution: Execution) -> None:
        """Wake whoever an execution in this condition is work for."""
        if execution.state is State.QUEUED:
            self.plan.set()
        elif execution.in_flight == 0 and _nothing_left(execution):
            self.close.set()
        elif execution.state is State.RUNNING and execution.in_flight < execution.pace.concurrency:
            self.dispatch.set()


def _nothing_left(execution: Execution) -> bool:
    if execution.state in _ENDING:
        return True
    ended = execution.claimed == execution.total and execution.waiting == 0
    return execution.state is State.RUNNING and ended
