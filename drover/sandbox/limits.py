"""What a caged process takes away from itself before it reads the first script.

Runs inside the child: nothing but the standard library. What a platform does not offer is left out;
Linux has it all.
"""

import contextlib
import ctypes
import os
import resource
import sys
from typing import Final

from drover.sandbox import syscalls

_MB: Final = 1 << 20
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SPARE_BYTES: Final = 192 * _MB
"""Room beside the scripts' own memory: a request, its result and their copies between languages."""


def enter(memory_bytes: int) -> None:
    """Give up files, processes, privileges, and memory beyond the scripts' and some room."""
    _forgo_privileges()
    for limit, most in (
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", 2),
        ("RLIMIT_MEMLOCK", 0),
        ("RLIMIT_AS", _address_space() + memory_bytes + _SPARE_BYTES),
    ):
        _lower(limit, most)
    syscalls.confine()


def allow_cpu(seconds: float) -> None:
    """Let the kernel end this process when it has used this much more processor time.

    A backstop for the case that neither the engine's own clock nor the parent stops a script.
    """
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    soft = int(used + seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _lower(limit: str, most: int) -> None:
    kind = getattr(resource, limit, None)
    if kind is None:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))


def _address_space() -> int:
    """Bytes of address space in use now."""
    try:
        with open("/proc/self/statm", "rb") as counts:  # noqa: PTH123 - pathlib costs a start of the child 10 ms
            pages = int(counts.read().split()[0])
    except OSError:
        return 256 * _MB
    return pages * os.sysconf("SC_PAGE_SIZE")


def _forgo_privileges() -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
