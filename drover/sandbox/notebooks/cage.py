"""What the processes of a notebook take away from themselves before they read a cell of it.

Runs inside the child: nothing but the standard library.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterator
from typing import Final, NamedTuple

from drover.sandbox.notebooks import calls, landlock

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITIES: Final = 64
_CAPABILITY_VERSION: Final = 0x20080522
_FILES: Final = 256
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_OF_THE_MACHINE: Final = (
    "/bin",
    "/lib",
    "/lib64",
    "/usr",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/sys/devices/system/cpu",
)


class Bounds(NamedTuple):
    """What a notebook may take: address space of each process, and bytes of each file."""

    memory_bytes: int
    file_bytes: int


def enter(folder: str, bounds: Bounds) -> bool:
    """Shut this process and those it starts into a folder; False where that cannot be done."""
    end_with_parent()
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_FSIZE, bounds.file_bytes),
        (resource.RLIMIT_AS, bounds.memory_bytes),
    ):
        _lower(limit, most)
    if sys.platform != "linux":
        return False
    _forgo_privileges()
    return landlock.confine(readable(), [folder], _DEVICES) and calls.forgo_network()


def end_with_parent() -> None:
    """Have the kernel end this process once the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == 1:  # it went before
            os._exit(1)


def readable() -> Iterator[str]:
    """Yield what may be read: Python with its packages, and the libraries of the machine."""
    yield from _OF_THE_MACHINE
    yield from {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    yield from {*sysconfig.get_paths().values()}
    yield os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib costs a start of the child 10 ms


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(limit, (most, most))


def _forgo_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.capset(struct.pack("Ii", _CAPABILITY_VERSION, 0), struct.pack("6I", *[0] * 6))
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
