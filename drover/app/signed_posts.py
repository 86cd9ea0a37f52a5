"""Posts that tell another server something, signed so that it knows that we sent them."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from drover.ports.web import WebFailure, WebRequest

if TYPE_CHECKING:
    from drover.ports.store import Store
    from drover.ports.web import Web

SIGNATURE: Final = "X-Drover-Signature"
"""The header of the signature: ``t=SECONDS,v1=HEX``, the HMAC-SHA256 of ``SECONDS.BODY``."""

PAUSES_S: Final = (10, 60, 300, 1800, 7200, 21_600, 43_200)
"""How long after each failed try the next one comes; after the last of them it is given up."""

_TIMEOUT_MS: Final = 10_000
_MOST_BYTES: Final = 65_536
_OK: Final = range(200, 300)


class SignedPosts:
    """Sends JSON to addresses that users name, with a signature by ``key``."""

    def __init__(self, store: Store, web: Web, key: bytes) -> None:
        self._store = store
        self._web = web
        self._key = key

    async def send(self, url: str, body: bytes) -> str | None:
        """Post a JSON text; return why that failed, None when it was taken."""
        seconds = await self._store.read(lambda session: session.now_ms()) // 1000
        request = WebRequest(
            method="POST",
            url=url,
            headers=(
                ("Content-Type", "application/json"),
                (SIGNATURE, signature(self._key, seconds, body)),
            ),
            body=body,
            follows=False,
            timeout_ms=_TIMEOUT_MS,
            most_bytes=_MOST_BYTES,
        )
        try:
            answer = await self._web.fetch(request)
        except WebFailure as error:
            return f"{error.name}: {error.message}"
        return None if answer.status in _OK else f"status {answer.status}"


def signature(key: bytes, seconds: int, body: bytes) -> str:
    """Return the value of the header by which a receiver knows that we sent it, and when."""
    digest = hmac.new(key, b"%d." % seconds + body, sha256).hexdigest()
    return f"t={seconds},v1={digest}"
