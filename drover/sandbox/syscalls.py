"""The system calls left to a caged process: memory, time, its line, its own limits, its end.

Runs inside the child: nothing but the standard library. Everything else (files, sockets, processes,
signals to others) answers "not permitted" from here on, even to code that got out of the engine.
Linux on x86-64 and ARM64; elsewhere `confine` does nothing and says so.
"""

import ctypes
import platform
import struct
import sys
from typing import Final, NamedTuple

_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000
_NOT_PERMITTED: Final = 0x00050000 | 1
_NUMBER: Final = 0  # offsets in struct seccomp_data
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16
_THIRD_ARGUMENT: Final = 32
_EXECUTABLE: Final = 4  # PROT_EXEC


class Machine(NamedTuple):
    """Numbers of system calls on one kind of processor."""

    audit: int
    plain: tuple[int, ...]
    """read write close fstat munmap brk rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise
    sched_yield getpid exit exit_group getrlimit getrusage futex clock_gettime clock_getres
    gettimeofday sigaltstack getrandom restart_syscall"""
    maps: tuple[int, int]
    """mmap and mprotect, allowed for memory that cannot be executed."""
    limit: int
    """prlimit64, allowed for the process itself."""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


_MACHINES: Final = {
    "x86_64": Machine(
        audit=0xC000003E,
        plain=_numbers(
            "0 1 3 5 11 12 13 14 15 25 28 24 39 60 231 97 98 202 228 229 96 131 318 219"
        ),
        maps=(9, 10),
        limit=302,
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        plain=_numbers(
            "63 64 57 80 215 214 134 135 139 216 233 124"
            " 172 93 94 163 165 98 113 114 169 132 278 128"
        ),
        maps=(222, 226),
        limit=261,
    ),
}

Step = tuple[int, int, int, int]
"""One instruction of the filter: code, jump if true, jump if false, operand."""


def program(machine: Machine) -> list[Step]:
    """Write the filter for a machine: every path ends in `allow` or `not permitted`."""
    steps: list[Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _NOT_PERMITTED),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in machine.plain:
        steps += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in machine.maps:
        steps += [
            (_IF_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_IF_ANY_BIT, 1, 0, _EXECUTABLE),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _NOT_PERMITTED),
        ]
    return [
        *steps,
        (_IF_EQUAL, 0, 3, machine.limit),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOT_PERMITTED),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def confine() -> bool:
    """Give up all other system calls for good; False where that cannot be done.

    Needs `no_new_privs` to be set before.
    """
    machine = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if machine is None:
        return False
    steps = program(machine)
    text = b"".join(struct.pack("=HBBI", *step) for step in steps)
    filled = _Program(len(steps), text)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filled), 0, 0) == 0)
