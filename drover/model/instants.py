"""Moments in time: milliseconds inside, ISO text with three decimals on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta

from drover.model.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MOMENT_PATTERN = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z"

Milliseconds = int
"""Milliseconds, since the epoch where a moment is meant."""

FIRST_MS: Final = -62_135_596_800_000
"""The first moment that the wire form can tell."""

LAST_MS: Final = 253_402_300_799_999
"""The last moment that the wire form can tell."""

InstantText = Annotated[str, Meta(pattern=MOMENT_PATTERN)]
"""A moment as it goes over the wire: ``2026-01-02T03:04:05.678Z``."""


def to_text(ms: int) -> str:
    """Return the wire form of a moment given in milliseconds since the epoch."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def to_ms(text: str) -> int:
    """Return milliseconds since the epoch of ISO text; no zone means UTC.

    Raises Invalid when the text is not a date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"'{text[:64]}' is not an ISO 8601 date") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not FIRST_MS <= ms <= LAST_MS:  # a zone can lead out of the years that can be written
        raise Invalid(f"'{text[:64]}' is not a date of the years 1 to 9999")
    return ms
