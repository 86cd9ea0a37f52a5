"""Cursors of the inventory: a place in an order, sealed with what the order is of."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from drover.model.errors import Invalid
from drover.ports.inventory import Place
from drover.query.digi.fields import FIELDS, DigiType

if TYPE_CHECKING:
    from drover.ports.inventory import Order

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


def check_place(place: Place, order: Order) -> None:
    """Raise Invalid for a place that no job can have in an order: a cursor may be made up."""
    expected: tuple[type, ...] = (str,)
    if order.field == "id":
        expected = ()
    elif FIELDS[order.field].type in _COUNTED:
        expected = (int, float)
    fits = place.value is None or isinstance(place.value, expected)
    if not fits or abs(place.number) > _LARGEST or _beyond(place.value):
        raise _bad()


_COUNTED: Final = frozenset({DigiType.NUMERIC, DigiType.JOB_TIME, DigiType.DEVICE_TIME})
_LARGEST: Final = 2**63 - 1


def _beyond(value: str | float | None) -> bool:
    """Tell whether a value is more than the stores can hold."""
    return "\0" in value if isinstance(value, str) else abs(value or 0) > _LARGEST


def _seal(body: bytes, about: About) -> bytes:
    text = msgspec.json.encode(about)
    return hashlib.blake2b(body, digest_size=_SEAL, key=hashlib.sha256(text).digest()).digest()


def _bad() -> Invalid:
    return Invalid("The cursor is not one of this query and order", field="cursor")
