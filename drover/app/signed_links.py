"""Addresses that open without a token: signed, and good for a while."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from drover.model.errors import Forbidden

if TYPE_CHECKING:
    from drover.ports.clock import Clock

_STEPS: Final = 10


class SignedLinks:
    """Signs the addresses of things by their ids; good for ``seconds``, or up to a tenth less."""

    def __init__(self, key: bytes, base_url: str, seconds: int, clock: Clock) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._seconds = seconds
        self._clock = clock

    def url(self, path: str, signed_id: str) -> str:
        """Return the address at ``path`` of what has an id."""
        # In steps, so that asking twice gives the same text.
        step = max(1, self._seconds // _STEPS)
        expires = self._clock.now_ms() // 1000 // step * step + self._seconds
        signature = self._signature(signed_id, str(expires))
        return f"{self._base_url}{path}?expires={expires}&signature={signature}"

    def check(self, signed_id: str, expires: str, signature: str) -> None:
        """Raise Forbidden unless the address was signed here and is still good."""
        wanted = self._signature(signed_id, expires)
        if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            raise Forbidden("The signature of this address is not valid")
        if int(expires) * 1000 < self._clock.now_ms():
            raise Forbidden("This address has expired; ask again for a new one")

    def _signature(self, signed_id: str, expires: str) -> str:
        text = f"{signed_id} {expires}".encode("utf-8", "replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
