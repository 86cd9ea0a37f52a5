"""The system calls that a notebook's processes have to do without; Linux on x86-64 and ARM64.

Runs inside the child: nothing but the standard library. `landlock` says which files they may open;
this is about what it does not cover: the network, other processes, the machine. Calls that
libraries make in passing (new sessions, priorities, modes and times of files) seem to succeed and
do nothing: so all processes stay in the group that the server ends as one.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Final, NamedTuple

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_ANSWER: Final = 0x00050000
_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = (16, 24)
_FOREIGN: Final = 0x40000000
"""Numbers from here on are those of another way of calling (x32)."""
_ANY_BITS: Final = 0xFFFFFFFF
_AF_UNIX: Final = 1
_STREAM: Final = 1
_KIND: Final = 0xF
_THREAD: Final = 0x10000

Step = tuple[int, int, int, int]
"""One instruction of the filter: code, jump if true, jump if false, operand."""


class Only(NamedTuple):
    """A call that is allowed where some bits of an argument (the first is 0) have a value."""

    call: int
    argument: int
    bits: int
    value: int
    otherwise: int = errno.EPERM


class Machine(NamedTuple):
    """Numbers of system calls on one kind of processor."""

    audit: int
    refused: tuple[int, ...]
    """Shared memory and queues, other processes' memory and priority, mounts, modules, clocks,
    namespaces, keys, tracing, io_uring, anonymous files, extended attributes."""
    hollow: tuple[int, ...]
    """setsid setpgid sched_setscheduler; chmod and chown and utime in all their forms."""
    socket: int
    prlimit: int
    clone: int
    signals: tuple[int, ...]
    """kill tgkill: allowed to the process itself."""
    alone: tuple[int, ...]
    """connect fork vfork execve execveat tkill rt_sigqueueinfo rt_tgsigqueueinfo."""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(
        number
        for first, _, last in (word.partition("-") for word in text.split())
        for number in range(int(first), int(last or first) + 1)
    )


_NEWER: Final = _numbers("424-434 438 440 442 447 448 463 466 467")
"""The same on every processor: pidfd, io_uring, mounts, process_madvise and the like."""
_CLONE3: Final = 435

_MACHINES: Final = {
    "x86_64": Machine(
        audit=0xC000003E,
        refused=_numbers(
            "29-31 64-71 101 103 135 141 142 155 159 161 163-173 175 176 179 188-190 197-199"
            " 203 227 240 246 248-251 256 272 279 298 300 303-305 308 310-314 319-321 323"
        ),
        hollow=_numbers("109 112 144 90-94 132 235 260 261 268 280 452"),
        socket=41,
        prlimit=302,
        clone=56,
        signals=(62, 234),
        alone=_numbers("42 57-59 322 200 129 297"),
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        refused=_numbers(
            "5-7 14-16 30 39-41 51 60 89 92 97 104-106 112 116-118 122 140 142 161 162 170 171"
            " 180 186-197 217-219 224 225 238 239 241 262 264-266 268 270-275 279 280 282 294"
        ),
        hollow=_numbers("119 154 157 52-55 88 452"),
        socket=198,
        prlimit=261,
        clone=220,
        signals=(129, 131),
        alone=_numbers("203 221 281 130 138 240"),
    ),
}


def without_network(machine: Machine) -> list[Step]:
    """Write the filter of all processes of a notebook."""
    steps = _head(machine)
    for call in (*machine.refused, *_NEWER):
        steps += _answered(call, errno.EPERM)
    for call in machine.hollow:
        steps += _answered(call, 0)
    for only in (
        Only(machine.socket, 0, _ANY_BITS, _AF_UNIX, errno.EOPNOTSUPP),
        Only(machine.socket, 1, _KIND, _STREAM, errno.EOPNOTSUPP),
        Only(machine.prlimit, 0, _ANY_BITS, 0),
    ):
        steps += _unless(only)
    return [*steps, *_answered(_CLONE3, errno.ENOSYS), (_RETURN, 0, 0, _ALLOW)]


def without_others(machine: Machine, own_id: int) -> list[Step]:
    """Write the filter of the process that runs the cells: threads, but no other process."""
    steps = _head(machine)
    for call in machine.alone:
        steps += _answered(call, errno.EPERM)
    for call in machine.signals:
        steps += _unless(Only(call, 0, _ANY_BITS, own_id))
    return [*steps, *_unless(Only(machine.clone, 0, _THREAD, _THREAD)), (_RETURN, 0, 0, _ALLOW)]


def forgo_network() -> bool:
    """Give up the calls of `without_network` for good; False where that cannot be done."""
    machine = _this()
    return machine is not None and _install(without_network(machine))


def forgo_others() -> bool:
    """Give up those of `without_others` as well; False where that cannot be done."""
    machine = _this()
    return machine is not None and _install(without_others(machine, os.getpid()))


def known() -> bool:
    """Tell whether the calls of this machine are known."""
    return _this() is not None


def _this() -> Machine | None:
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" else None


def _head(machine: Machine) -> list[Step]:
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _ANSWER | errno.EPERM),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_LEAST, 0, 1, _FOREIGN),
        (_RETURN, 0, 0, _ANSWER | errno.ENOSYS),
    ]


def _answered(call: int, number: int) -> list[Step]:
    return [(_IF_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ANSWER | number)]


def _unless(only: Only) -> list[Step]:
    return [
        (_IF_EQUAL, 0, 5, only.call),
        (_LOAD, 0, 0, _ARGUMENTS[only.argument]),
        (_AND, 0, 0, only.bits),
        (_IF_EQUAL, 1, 0, only.value),
        (_RETURN, 0, 0, _ANSWER | only.otherwise),
        (_LOAD, 0, 0, _NUMBER),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def _install(steps: list[Step]) -> bool:
    text = b"".join(struct.pack("=HBBI", *step) for step in steps)
    filled = _Program(len(steps), text)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filled), 0, 0) == 0)
