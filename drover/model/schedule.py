"""When something is due again: cron rules in a time zone, or a number of seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)
_REFUSED: Final = frozenset("LlWw#?@")
_FIELDS: Final = frozenset({5, 6})


def next_cron_ms(cron: str, tz: str, after_ms: int) -> int | None:
    """Return the first moment of a cron rule later than ``after_ms``; None when there is none.

    A local time that is skipped in spring fires at the jump, one that comes twice fires once.
    Raises Invalid for a rule or zone that cannot be understood.
    """
    start = (_EPOCH + timedelta(milliseconds=after_ms)).astimezone(_zone(tz))
    try:
        moment = next(CronSim(_rule(cron), start), None)
    except CronSimError as error:
        raise Invalid(f"'{cron}' is not a cron rule: {error}", field="cron") from error
    if moment is None:
        return None
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def next_interval_ms(seconds: float, due_ms: int, now_ms: int) -> int:
    """Return the next moment of an interval that was due at ``due_ms``, later than now.

    Moments that passed meanwhile are left out, not made up for.
    """
    step_ms = max(1, round(seconds * 1000))
    missed = max(0, (now_ms - due_ms) // step_ms)
    return due_ms + (missed + 1) * step_ms


def _rule(cron: str) -> str:
    text = _NAMED.get(cron.strip().lower(), cron.strip())
    names_day = any(letter in _REFUSED for letter in _without_names(text))
    if names_day or len(text.split()) not in _FIELDS:
        raise Invalid(f"'{cron}' is not a cron rule of five or six fields", field="cron")
    return text


def _without_names(text: str) -> str:
    for name in ("jul", "wed"):
        text = text.lower().replace(name, "")
    return text


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"'{tz}' is not a time zone", field="tz") from error
