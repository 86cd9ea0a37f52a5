"""Passwords: argon2 hashes, made and checked in threads of their own.

A hash takes tens of milliseconds by design. That never happens on the event loop, and never on more
than a few threads: whoever would have to wait behind too many others is told to come back.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from drover.model.errors import Invalid, TooMany, reached

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

THREADS: Final = 2
MOST_WAITING: Final = 64
"""Sign-ins that may be under way at once; more are answered with 429."""
LONGEST: Final = 2048
SHORTEST: Final = 8


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="drover-password")
        self._waiting = 0
        self._nobody: str | None = None

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash to keep; raises Invalid for a password too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            message = f"A password has {SHORTEST} to {LONGEST} characters at `password`"
            raise Invalid(message, field="password")
        return await self._in_thread(lambda: self._hasher.hash(_encoded(password)))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether a password is right; None for an unknown user takes as long."""
        if len(password) > LONGEST:
            return False
        return await self._in_thread(lambda: self._verify(kept, password))

    def _verify(self, kept: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(b"nobody has this password")
        try:
            self._hasher.verify(kept or self._nobody, _encoded(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    async def _in_thread(self, act: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            crowded = TooMany("Too many people sign in at once; try again", retry_after_s=1)
            raise reached("sign_ins_at_once", crowded)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, act)
        finally:
            self._waiting -= 1


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
