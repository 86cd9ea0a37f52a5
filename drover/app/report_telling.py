"""Stored reports as servers tell each other of them, in messages that the broker takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.ports.bus import MOST_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    StoredReport = tuple[str, int, Mapping[str, Any]]
    """The device, the moment in milliseconds and the values."""

_AROUND: Final = len("[]")


def messages_of(reports: Iterable[StoredReport]) -> Iterator[bytes]:
    """Yield messages with all of these, each as a JSON array that fits one.

    A report that fits none is told value by value: those of one moment belong together.
    """
    waiting: list[bytes] = []
    size = _AROUND
    for part in _parts(reports):
        if waiting and size + len(part) > MOST_MESSAGE_BYTES:
            yield b"[%b]" % b",".join(waiting)
            waiting, size = [], _AROUND
        waiting.append(part)
        size += len(part) + 1
    if waiting:
        yield b"[%b]" % b",".join(waiting)


def _parts(reports: Iterable[StoredReport]) -> Iterator[bytes]:
    for report in reports:
        whole = msgspec.json.encode(report)
        if len(whole) + _AROUND <= MOST_MESSAGE_BYTES:
            yield whole
            continue
        device_id, time_ms, values = report
        for name, value in values.items():
            yield msgspec.json.encode((device_id, time_ms, {name: value}))
