"""Secret texts: how they look, and the digests that are kept of them.

The server makes them from 256 random bits, so that a plain SHA-256 is as good as a slow hash: there
is nothing to guess. Passwords, which people choose, go through ``passwords`` instead.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from drover.ports.clock import Ids

SESSION_PREFIX: Final = "drover_s_"
API_PREFIX: Final = "drover_t_"
DEVICE_PREFIX: Final = "drover_d_"
USERKEY_PREFIX: Final = "drover_k_"
SECRET_PREFIX: Final = "drover_x_"  # noqa: S105 - how secrets begin, not one
INVITE_PREFIX: Final = "drover_i_"

LONGEST: Final = 512
"""Nothing longer than this is a secret of ours, so it is not even hashed."""


def new_secret(ids: Ids, prefix: str) -> str:
    """Return a new secret text; the prefix lets scanners of leaked secrets recognise it."""
    return prefix + ids.secret(32)


def digest(text: str) -> str:
    """Return what is kept of a secret: its SHA-256 in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_NOBODY: Final = digest("")


def matches(text: str, kept: str | None) -> bool:
    """Tell whether a text is the secret, in the same time for near and far misses.

    ``kept`` is None when there is no such key: that takes the same time too.
    """
    same = hmac.compare_digest(digest(text[:LONGEST]), kept or _NOBODY)
    return same and kept is not None
