"""Moments in queries, which may be relative to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.model.errors import Invalid
from drover.model.instants import to_ms

if TYPE_CHECKING:
    from drover.faces.operation import Call

LAST_MS: Final = 253_402_300_799_999


def moment(call: Call, name: str, default: int, now_ms: int) -> int:
    """Return a moment of a query: 0 is now, 1 the beginning, negative relative to now."""
    text = call.query.get(name) or str(default)
    try:
        number = int(text)
    except ValueError:
        try:
            return to_ms(text)
        except Invalid as error:
            raise Invalid(f"{name} must be a moment", field=name) from error
    if number <= 0:
        return max(now_ms + number, 0)
    return 0 if number == 1 else min(number, LAST_MS)
