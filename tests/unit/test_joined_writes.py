"""An answer's head and body leave in one write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from drover.faces.connection import JoinedWrites

if TYPE_CHECKING:
    from collections.abc import Callable


class Wire:
    """A transport that notes what was done with it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


def joined() -> tuple[JoinedWrites, Wire, list[Callable[[], None]]]:
    wire = Wire()
    later: list[Callable[[], None]] = []
    return JoinedWrites(cast("asyncio.Transport", wire), later.append), wire, later


def test_what_is_written_in_one_round_leaves_in_one_write() -> None:
    transport, wire, later = joined()

    transport.write(b"head ")
    transport.write(b"body")

    assert wire.done == []
    assert len(later) == 1
    later[0]()
    assert wire.done == [b"head body"]


def test_a_head_whose_body_comes_later_does_not_wait_for_it() -> None:
    transport, wire, later = joined()

    transport.write(b"head")
    later[0]()
    transport.write(b"body")
    later[1]()

    assert wire.done == [b"head", b"body"]


def test_closing_writes_what_is_left_first_and_nothing_twice() -> None:
    transport, wire, later = joined()

    transport.write(b"last")
    transport.close()
    later[0]()

    assert wire.done == [b"last", "closed"]


def test_everything_else_is_the_transports_own() -> None:
    transport, _, _ = joined()

    assert not transport.is_closing()
    transport.close()
    assert transport.is_closing()
