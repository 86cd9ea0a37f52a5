"""Cursors of the inventory: a place in an order, sealed with what the order is of."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

import msgspec

from drover.model.errors import Invalid
from drover.ports.inventory import Place

About = tuple[str, str]
"""The query and the order, as they were written."""

_SEAL: Final = 8


def seal_cursor(start: int, place: Place, about: About) -> str:
    """Return the text of a cursor: the next page starts there, behind a place."""
    body = msgspec.json.encode([start, place.value, place.number])
    return base64.urlsafe_b64encode(_seal(body, about) + body).decode().rstrip("=")


def open_cursor(text: str, about: About) -> tuple[int, Place]:
    """Return where the page starts, and behind what; raises Invalid for another's, or damage."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        start, value, number = msgspec.json.decode(
            raw[_SEAL:], type=tuple[int, str | int | float | None, int]
        )
    except (ValueError, msgspec.DecodeError) as error:
        raise _bad() from error
    if _seal(raw[_SEAL:], about) != raw[:_SEAL]:
        raise _bad()
    return start, Place(value, number)


def _seal(body: bytes, about: About) -> bytes:
    text = msgspec.json.encode(about)
    return hashlib.blake2b(body, digest_size=_SEAL, key=hashlib.sha256(text).digest()).digest()


def _bad() -> Invalid:
    return Invalid("The cursor is not one of this query and order", field="cursor")
