"""What a server remembers of verified secrets, void as soon as access changes anywhere.

Every request asks for the revision of the access tables, one read of one row, and whatever was
verified at an older one counts for nothing. So a token that is revoked on one server is refused by
all from the moment the revocation is answered, and a request with a known token costs that one
read instead of decoding token, account and membership each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

MOST_REMEMBERED: Final = 20_000


class Verified(Generic[K, V]):
    """Values found at a revision; the oldest are dropped when there are too many."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._found: dict[K, tuple[int, V]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def find(self, key: K, revision: int) -> V | None:
        """Return what was found for a key at exactly this revision, if anything."""
        entry = self._found.get(key)
        if entry is None or entry[0] != revision:
            return None
        return entry[1]

    def keep(self, key: K, revision: int, value: V) -> None:
        """Remember what was found in a snapshot of this revision."""
        self._found.pop(key, None)
        self._found[key] = (revision, value)
        if len(self._found) > self._most:
            del self._found[next(iter(self._found))]
