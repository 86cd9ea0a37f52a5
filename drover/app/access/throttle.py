"""How often somebody may try to sign in: counted per account and per address, in bounded memory.

An attempt counts before it is checked, so that many at once cannot slip through, and is taken back
when it succeeds. Each server counts for itself. Unknown accounts are counted like known ones: the
answers do not tell which is which.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drover.model.errors import AccountLocked, TooMany, reached

if TYPE_CHECKING:
    from drover.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``attempts`` that fail within a window of ``window_ms``."""

    attempts: int
    window_ms: int


PER_ACCOUNT: Final = Rule(attempts=10, window_ms=15 * 60_000)
PER_ADDRESS: Final = Rule(attempts=100, window_ms=15 * 60_000)
MOST_REMEMBERED: Final = 50_000
"""Accounts, and addresses, that are counted at a time; the longest unseen is forgotten first."""


class Window:
    """Counts of one kind of name, each since its first attempt."""

    def __init__(self, clock: Clock, rule: Rule, most: int = MOST_REMEMBERED) -> None:
        self._clock = clock
        self._rule = rule
        self._most = most
        self._counts: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def wait_ms(self, name: str) -> int:
        """Return how long this name has to wait; 0 when it may try now."""
        began_ms, count = self._counts.get(_key(name), (0, 0))
        if count < self._rule.attempts:
            return 0
        return max(0, began_ms + self._rule.window_ms - self._clock.monotonic_ms())

    def add(self, name: str) -> None:
        """Count an attempt."""
        key, now_ms = _key(name), self._clock.monotonic_ms()
        began_ms, count = self._counts.pop(key, (now_ms, 0))
        if now_ms - began_ms >= self._rule.window_ms:
            began_ms, count = now_ms, 0
        self._counts[key] = (began_ms, count + 1)
        if len(self._counts) > self._most:
            del self._counts[next(iter(self._counts))]

    def take_back(self, name: str) -> None:
        """Forget one attempt."""
        began_ms, count = self._counts.get(_key(name), (0, 0))
        if count > 1:
            self._counts[_key(name)] = (began_ms, count - 1)
        else:
            self._counts.pop(_key(name), None)

    def clear(self, name: str) -> None:
        """Forget all attempts of a name."""
        self._counts.pop(_key(name), None)


class Throttle:
    """The rules of signing in."""

    def __init__(
        self, clock: Clock, per_account: Rule = PER_ACCOUNT, per_address: Rule = PER_ADDRESS
    ) -> None:
        self._accounts = Window(clock, per_account)
        self._addresses = Window(clock, per_address)

    def begin(self, account: str, address: str = "") -> None:
        """Count an attempt; raises AccountLocked or TooMany when there were too many failures.

        An empty ``address`` stands for an unknown one, which is not counted.
        """
        wait_ms = self._accounts.wait_ms(account)
        if wait_ms:
            locked = AccountLocked(
                "The account is locked after too many failed attempts; try again later",
                retry_after_s=seconds(wait_ms),
            )
            raise reached("sign_ins_of_an_account", locked)
        wait_ms = self._addresses.wait_ms(address) if address else 0
        if wait_ms:
            refused = TooMany(
                "Too many failed attempts from this address; try again later",
                retry_after_s=seconds(wait_ms),
            )
            raise reached("sign_ins_from_an_address", refused)
        self._accounts.add(account)
        if address:
            self._addresses.add(address)

    def succeed(self, account: str, address: str = "") -> None:
        """Take the attempt back, and forget the account's failures."""
        self._accounts.clear(account)
        if address:
            self._addresses.take_back(address)

    def release(self, account: str) -> None:
        """Let an account try again at once: its password was set anew."""
        self._accounts.clear(account)


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def seconds(ms: int) -> int:
    """Return whole seconds to wait, at least one."""
    return max(1, -(-ms // 1000))
