"""Which files a process and its children may touch from here on; Linux 5.13 and later.

Runs inside the child: nothing but the standard library.
"""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from typing import Final

_CREATE: Final = 444  # the same numbers on every processor
_ADD: Final = 445
_RESTRICT: Final = 446
_VERSION: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_TRUNCATE: Final = 1 << 14
_OF_FILES: Final = _EXECUTE | _WRITE | _READ | _TRUNCATE
_READING: Final = _EXECUTE | _READ | _LIST
_MAKING: Final = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 13
"""Remove, make and move directories, files, sockets: no devices, no links."""
_NETWORK: Final = 0b11
_SCOPES: Final = 0b11
_HANDLED: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}


def version() -> int:
    """Return how much of it the kernel offers; 0 or less: nothing."""
    if sys.platform != "linux":
        return 0
    return int(_libc().syscall(_CREATE, None, 0, _VERSION))


def confine(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> bool:
    """Leave what is below some folders, to read or to write; False where that cannot be done.

    Needs `no_new_privs` to be set before. Paths that do not exist are left out.
    """
    known = version()
    if known <= 0:
        return False
    handled = _HANDLED[max(each for each in _HANDLED if each <= known)]
    network = _NETWORK if known >= 4 else 0  # noqa: PLR2004 - the version that brought it
    scopes = _SCOPES if known >= 6 else 0  # noqa: PLR2004 - the version that brought it
    rules = struct.pack("QQQ", handled, network, scopes)
    libc = _libc()
    rule_set = libc.syscall(_CREATE, rules, len(rules), 0)
    if rule_set < 0:
        return False
    for paths, rights in (
        (readable, _READING),
        (writable, _READING & ~_EXECUTE | _WRITE | _TRUNCATE | _MAKING),
        (devices, _READ | _WRITE),
    ):
        for path in paths:
            _allow(libc, rule_set, path, rights & handled)
    done = libc.syscall(_RESTRICT, rule_set, 0) == 0
    os.close(rule_set)
    return bool(done)


def _allow(libc: ctypes.CDLL, rule_set: int, path: str, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if not os.path.isdir(path):  # noqa: PTH112 - pathlib costs a start of the child 10 ms
            rights &= _OF_FILES
        libc.syscall(_ADD, rule_set, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
