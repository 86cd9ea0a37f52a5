"""The filters of system calls of a notebook's processes, run step by step."""

from __future__ import annotations

import errno
import struct

import pytest

from drover.sandbox.notebooks import calls

OWN_ID = 4242
ALLOWED = 0x7FFF0000
X86, ARM = (calls._MACHINES[name] for name in ("x86_64", "aarch64"))


def answer(steps, audit: int, number: int, *arguments: int) -> int:
    """Return what a filter answers to a call: 0x7fff0000, or the error number it gives."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, audit, 0, *padded)
    value, at = 0, 0
    while True:
        code, when_true, when_false, operand = steps[at]
        at += 1
        if code == calls._RETURN:
            return operand if operand == ALLOWED else operand - 0x00050000
        if code == calls._LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == calls._AND:
            value &= operand
        else:
            held = value == operand if code == calls._IF_EQUAL else value >= operand
            at += when_true if held else when_false


@pytest.mark.parametrize("machine", [X86, ARM])
def test_sockets_are_of_this_machine_alone_and_only_streams(machine):
    steps = calls.without_network(machine)

    def made(family: int, kind: int) -> int:
        return answer(steps, machine.audit, machine.socket, family, kind)

    assert made(1, 1) == ALLOWED
    assert made(1, 1 | 0o2000000) == ALLOWED  # closed on exec
    for family, kind in ((2, 1), (10, 1), (16, 3), (17, 3), (40, 1), (1, 2), (1, 5)):
        assert made(family, kind) == errno.EOPNOTSUPP


@pytest.mark.parametrize("machine", [X86, ARM])
def test_what_reaches_out_of_the_process_is_refused(machine):
    steps = calls.without_network(machine)

    for number in (*machine.refused, *calls._NEWER):
        assert answer(steps, machine.audit, number) == errno.EPERM
    for number in machine.hollow:
        assert answer(steps, machine.audit, number) == 0
    assert answer(steps, machine.audit, 435) == errno.ENOSYS
    assert answer(steps, machine.audit, machine.prlimit, 0) == ALLOWED
    assert answer(steps, machine.audit, machine.prlimit, 1) == errno.EPERM
    assert answer(steps, machine.audit, machine.clone, 17) == ALLOWED


@pytest.mark.parametrize("machine", [X86, ARM])
def test_the_process_of_the_cells_has_threads_but_no_children_and_signals_itself_alone(machine):
    steps = calls.without_others(machine, OWN_ID)

    assert answer(steps, machine.audit, machine.clone, 0x3D0F00) == ALLOWED
    assert answer(steps, machine.audit, machine.clone, 17) == errno.EPERM
    for number in machine.alone:
        assert answer(steps, machine.audit, number) == errno.EPERM
    for number in machine.signals:
        assert answer(steps, machine.audit, number, OWN_ID) == ALLOWED
        for other in (0, 1, 0xFFFFFFFF, OWN_ID + 1):
            assert answer(steps, machine.audit, number, other) == errno.EPERM


def test_calls_of_another_processor_or_another_way_of_calling_are_refused():
    for steps in (calls.without_network(X86), calls.without_others(X86, OWN_ID)):
        assert answer(steps, ARM.audit, 0) == errno.EPERM
        assert answer(steps, X86.audit, 0x40000000 | X86.socket, 2, 1) == errno.ENOSYS
        assert answer(steps, X86.audit, 0) == ALLOWED


def test_no_filter_is_longer_than_the_kernel_takes():
    for machine in (X86, ARM):
        assert len(calls.without_network(machine)) < 4096


def test_a_machine_that_is_not_known_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    assert (calls.known(), calls.forgo_network(), calls.forgo_others()) == (False, False, False)
