"""An answer's head and body leave in one write."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import pytest

from drover.faces.joined_writes import JoinedWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Wire:
    """A transport that notes what was done with it, over a socket if it is given one."""

    def __init__(self, **told: object) -> None:
        self.done: list[bytes | str] = []
        self.waiting = 0
        self._told = told

    def get_extra_info(self, name: str) -> object:
        return self._told.get(name)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: bytes) -> None:
        if self.is_closing():
            raise RuntimeError("as the server's own transports do")
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


def joined() -> tuple[JoinedWrites, Wire, list[Callable[[], None]]]:
    wire = Wire()
    later: list[Callable[[], None]] = []
    return over(wire, later), wire, later


def over(wire: Wire, later: list[Callable[[], None]] | None = None) -> JoinedWrites:
    soon: list[Callable[[], None]] = [] if later is None else later
    return JoinedWrites(cast("asyncio.Transport", wire), soon.append)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(60)
    with ours, theirs:
        yield ours, theirs


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


Pair = tuple[socket.socket, socket.socket]


def test_an_answer_goes_to_the_socket_at_once(pair: Pair) -> None:
    wire = Wire(socket=pair[0])
    transport = over(wire)

    transport.write(b"head ")
    transport.write(b"body")
    transport.flush()

    assert pair[1].recv(100) == b"head body"
    assert wire.done == []


def test_nothing_overtakes_what_waits_in_the_transport(pair: Pair) -> None:
    wire = Wire(socket=pair[0])
    wire.waiting = 1
    transport = over(wire)

    transport.write(b"later")
    transport.flush()

    assert wire.done == [b"later"]


def test_what_the_socket_does_not_take_is_left_to_the_transport(pair: Pair) -> None:
    wire, data = Wire(socket=pair[0]), bytes(range(256)) * 40_000
    transport = over(wire)

    for _ in range(2):  # at first it takes a part, then nothing
        transport.write(data)
        transport.flush()

    first, second = wire.done
    assert second == data
    assert isinstance(first, bytes)
    taken = len(data) - len(first)
    assert 0 < taken < len(data)
    assert pair[1].recv(taken, socket.MSG_WAITALL) + first == data


def test_a_socket_whose_other_end_has_gone_is_left_to_the_transport(pair: Pair) -> None:
    wire = Wire(socket=pair[0])
    transport = over(wire)
    pair[1].close()

    transport.write(b"too late")
    transport.flush()

    assert wire.done == [b"too late"]


def test_what_waits_when_the_reader_has_gone_is_dropped() -> None:
    transport, wire, later = joined()

    transport.write(b"to nobody")
    wire.close()
    later[0]()

    assert wire.done == ["closed"]


def test_nothing_goes_to_the_number_of_a_socket_that_is_closing(pair: Pair) -> None:
    wire = Wire(socket=pair[0])
    transport = over(wire)
    wire.close()

    transport.write(b"whose is this number now?")
    transport.flush()

    assert wire.done == ["closed"]


def test_what_is_to_be_encrypted_goes_through_the_transport(pair: Pair) -> None:
    wire = Wire(socket=pair[0], sslcontext=object())
    transport = over(wire)

    transport.write(b"secret")
    transport.flush()

    assert wire.done == [b"secret"]
