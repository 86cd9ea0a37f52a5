"""One item of an execution: its states, its id on the wire, and the rules of what is stored."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from msgspec import Struct

from drover.model.errors import Invalid, Missing

MESSAGE_LENGTH: Final = 256
ACCUMULATOR_LENGTH: Final = 256
WORKER_LOST: Final = "worker lost"
RESOURCE_GONE: Final = "the resource was deleted before its turn came"

_ID: Final = re.compile(r"([0-9a-f]{24})-([0-9a-f]{24})")
_LOSS_SIZES: Final = (1000, 32, 1, 1, 1)
_ALONE: Final = 2


class ItemState(IntEnum):
    """Where an item stands. The order matters: everything from SUCCEEDED on is final."""

    PENDING = 0  #: not begun, or part of the range of a living lease
    AWAITING = 1  #: begun; waits for its acknowledgement until its deadline
    WAITING = 2  #: to be begun again at its moment
    SUCCEEDED = 3
    FAILED = 4
    TIMED_OUT = 5


FINAL: Final = frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.TIMED_OUT})

MAX_LOSSES: Final = len(_LOSS_SIZES)
"""An item whose workers died so often is given up."""


class Acknowledgement(Struct, frozen=True, array_like=True):
    """What ends an attempt: success or failure, with words about it."""

    resource_id: str
    ok: bool
    message: str | None = None
    accumulator: str | None = None


class Item(Struct, frozen=True, kw_only=True):
    """An item as it is shown; moments in milliseconds since the epoch."""

    resource_id: str
    resource_name: str | None
    state: ItemState
    attempt: int
    message: str | None
    accumulator: str | None
    started_ms: int | None
    completed_ms: int | None


def redelivery_size(losses: int) -> int:
    """Return how many items may share a lease when each has lost its worker ``losses`` times.

    Smaller and smaller, down to one, so that an item that kills workers takes no other along.
    """
    return _LOSS_SIZES[min(losses, len(_LOSS_SIZES) - 1)]


def losses_after(losses: int, lease_size: int) -> int:
    """Return an item's count of lost workers after one more; alone it goes to the last steps."""
    return max(losses, _ALONE) + 1 if lease_size == 1 else losses + 1


def iteration_id(execution_id: str, resource_id: str) -> str:
    """Return the id of an iteration on the wire."""
    return f"{execution_id}-{resource_id}"


def split_iteration_id(text: str) -> tuple[str, str]:
    """Return the ids of execution and resource; raises Missing for any other form."""
    match = _ID.fullmatch(text.lower())
    if match is None:
        raise Missing("Iteration was not found")
    return match[1], match[2]


def cut_message(message: str | None) -> str | None:
    """Return a message no longer, and with no other characters, than may be stored."""
    if message is None:
        return None
    cut = message[:MESSAGE_LENGTH]
    return cut if cut.isascii() and "\0" not in cut else _storable(cut)


def check_accumulator(accumulator: str | None) -> str | None:
    """Return the accumulator; raises Invalid when it is too long."""
    if accumulator is None:
        return None
    if len(accumulator) > ACCUMULATOR_LENGTH:
        raise Invalid(
            f"The accumulator must not be longer than {ACCUMULATOR_LENGTH} characters",
            field="accumulator",
        )
    return _storable(accumulator)


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
