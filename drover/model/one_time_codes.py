"""Six-digit codes of an authenticator app, which change every half minute (RFC 6238)."""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from typing import Final

STEP_MS: Final = 30_000
"""How long a code is the current one."""
DRIFT: Final = 1
"""Steps that a phone's clock may be off, either way."""
KEY_BYTES: Final = 32
KEY_PATTERN: Final = r"^[A-Z2-7]{51}[AEIMQUY4]\Z"
"""A key as base32 text without padding: 52 characters."""

_DIGITS: Final = 6


def key_of(random: bytes) -> str:
    """Return random bytes as the text of a key."""
    return b32encode(random[:KEY_BYTES]).decode().rstrip("=")


def code_at(key: str, step: int) -> str:
    """Return the code of one step since the epoch."""
    padding = "=" * (-len(key) % 8)
    mac = hmac.digest(b32decode(key + padding), step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def step_of(key: str, code: str, now_ms: int) -> int | None:
    """Return the step around now whose code this is, None when it is none's."""
    given = code.replace(" ", "").encode(errors="surrogatepass")
    current = now_ms // STEP_MS
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(given, code_at(key, step).encode()):
            return step
    return None
