"""How often workflows send and press, where that is limited: counted by each server.

Losant-compatible nodes, section 6: there 30 messages on a topic, commands to a device and reports
for one in 15 seconds, and 100 presses of a button in 10.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from drover.app.access.throttle import Rule, Window, seconds
from drover.model.errors import TooMany, reached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drover.ports.clock import Clock

SENDS_MS: Final = 15_000
PRESSES_MS: Final = 10_000

TOLD_EVERY: Final = 1000
"""Of so many that are refused one is logged; all are counted."""

_SENDS: Final = "workflow_sends_in_15_seconds"
_PRESSES: Final = "button_presses_in_10_seconds"
_LOG = structlog.get_logger("drover.flows")


class FlowPace:
    """Counts what workflows send to each topic and each device, and each button they press.

    Limits of 0 are none.
    """

    def __init__(self, clock: Clock, sends: int = 0, presses: int = 0) -> None:
        self._sends = Window(clock, Rule(sends, SENDS_MS)) if sends else None
        self._presses = Window(clock, Rule(presses, PRESSES_MS)) if presses else None
        self.refused = 0
        """Messages, commands, reports and presses that were refused, and so did not happen."""

    def publishes(self, application_id: str, topic: str) -> None:
        """Count a message on a topic; raises TooMany."""
        self._count(self._sends, _SENDS, f"{application_id}/{topic}", f"messages on '{topic}'")

    def reports(self, device_id: str) -> None:
        """Count reports that come together for a device; raises TooMany."""
        name = f"{device_id} state"
        self._count(self._sends, _SENDS, name, f"reports for the device {device_id}")

    def presses(self, flow_id: str, button: str) -> None:
        """Count the press of a button; raises TooMany."""
        what = f"presses of the button {button}"
        self._count(self._presses, _PRESSES, f"{flow_id} {button}", what)

    @contextmanager
    def pressing(self) -> Iterator[Callable[[str, str], None]]:
        """Count one press while it is stored, by what is yielded; raises TooMany.

        However often that is told by a unit of work that runs again, the last time counts, and
        none where the press fails.
        """
        counted: list[tuple[str, str]] = []

        def count(flow_id: str, button: str) -> None:
            self._take_back(counted)
            self.presses(flow_id, button)
            counted.append((flow_id, button))

        try:
            yield count
        except BaseException:
            self._take_back(counted)
            raise

    def may_command(self, device_id: str) -> bool:
        """Tell whether a device may be sent a command now."""
        return self._sends is None or not self._sends.wait_ms(f"{device_id} command")

    def commanded(self, device_ids: Sequence[str], left_out: int) -> None:
        """Count a command to each of these devices, and how many others were left out."""
        if self._sends is None:
            return
        for device_id in device_ids:
            self._sends.add(f"{device_id} command")
        for _ in range(left_out):
            self._refused("commands to a device")

    def _take_back(self, counted: list[tuple[str, str]]) -> None:
        while counted:
            press = counted.pop()
            if self._presses is not None:
                self._presses.take_back(" ".join(press))

    def _count(self, window: Window | None, limit: str, name: str, what: str) -> None:
        if window is None:
            return
        if wait_ms := window.wait_ms(name):
            self._refused(what)
            told = TooMany(f"Too many {what}; see {limit}", retry_after_s=seconds(wait_ms))
            raise reached(limit, told)
        window.add(name)

    def _refused(self, what: str) -> None:
        self.refused += 1
        if self.refused % TOLD_EVERY == 1:
            _LOG.info("flows.too_often", what=what, so_far=self.refused)
