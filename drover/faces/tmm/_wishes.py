"""Parameters as what the use cases take (TMM-compatible behaviour, sections 5 to 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec

from drover.app.beacons.jobs import WantedJob
from drover.app.beacons.logs import MOST_SEQ, NewLine
from drover.app.beacons.timetable import Recurrence
from drover.faces.tmm._given import decode_json, json_text, whole_number
from drover.faces.tmm._refusals import BadParam
from drover.model.beacon_job import DEFAULT_BEACON, Hold, Pick
from drover.model.cron import FIELDS, LONGEST_RULE
from drover.model.errors import TooLarge

if TYPE_CHECKING:
    from drover.faces.tmm._given import Given

MOST_TASK_BYTES: Final = 1_048_576
"""Bytes of a job's tasks as JSON text."""

MOST_NAME: Final = 200
LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999."""

_MOST_PRIORITY: Final = 1_000_000
_MOST_BEACONS: Final = 100
_MOST_LABELS: Final = 100
_MOST_ATTEMPTS: Final = 1000
_MOST_SECONDS: Final = 366 * 86_400
_LEASE: Final = (10, 86_400)
_MOST_NUMBER: Final = 10**18 - 1
_OFF: Final = frozenset({"false", "0"})
_MOST_URL: Final = 2000
_MOST_ERROR: Final = 10_000
"""Characters of an error that are kept: a job whose worker has much to say ends all the same."""


def wanted_job(given: Given) -> WantedJob:
    """Return the job that is to be created; raises MissingParam, BadParam, TooLarge."""
    tasks, steps = tasks_of(given)
    user_number = _user_number(given)
    return WantedJob(
        name=given.needed("name", most=1000),
        beacon_name=beacon_name(given) or DEFAULT_BEACON,
        user_number=user_number,
        # Not even looked at beside a user_id.
        user_guid=given.filled("user_guid") if user_number is None else None,
        tasks=tasks,
        steps=steps,
        queues=given.flag("q"),
        queued_ms=_moment(given, "q_time"),
        priority=given.whole("priority", -_MOST_PRIORITY, _MOST_PRIORITY) or 0,
        max_attempts=given.whole("max_attempts", 1, _MOST_ATTEMPTS) or 3,
        retry_delay_ms=_span(given, "retry_delay") or 0,
        timeout_ms=_span(given, "timeout") or 0,
        lease_ms=lease(given),
        labels=tuple(sorted(labels(given))),
        unique_key=given.filled("unique_key", most=MOST_NAME),
        unique_for_ms=_span(given, "unique_for"),
        callback_url=_url(given),
        duplicate_of=given.whole("duplicate_of", 1, _MOST_NUMBER),
        recurrence=_recurrence(given) if given.flag("schedule") else None,
    )


def _recurrence(given: Given) -> Recurrence:
    return Recurrence(
        fields={name: given.text(name, most=LONGEST_RULE) or "" for name in FIELDS},
        starts_ms=_moment(given, "start_date"),
        ends_ms=_moment(given, "end_date"),
    )


def switched(given: Given) -> bool | None:
    """Return whether a template is to be active: anything but ``false`` and ``0`` says so."""
    value = given.raw("schedule_active")
    return None if value is None else str(value).strip().lower() not in _OFF


def hold(given: Given) -> Hold:
    """Return who says that the job is theirs; ``token`` is another name for the fence."""
    fence = given.whole("fence", 0, _MOST_NUMBER)
    if fence is None:
        fence = given.whole("token", 0, _MOST_NUMBER)
    return Hold(worker=given.filled("worker", most=MOST_NAME), fence=fence)


def picked(given: Given, default_lease_ms: int) -> Pick:
    """Return how a job is to be taken."""
    return Pick(
        hold=hold(given),
        beacon_name=given.filled("beacon_name", most=MOST_NAME),
        lease_ms=lease(given),
        default_lease_ms=default_lease_ms,
    )


def lease(given: Given) -> int | None:
    """Return how long a worker may be silent, in ms; 0 for ever."""
    seconds = given.whole("lease", 0, _LEASE[1])
    if seconds is None:
        return None
    if 0 < seconds < _LEASE[0]:
        raise BadParam(f"lease must be 0 or from {_LEASE[0]} to {_LEASE[1]}", field="lease")
    return seconds * 1000


def beacon_name(given: Given) -> str | None:
    """Return the beacon that is named, None without; raises BadParam."""
    if "beacon_name" not in given and given.every("beacon_name"):
        raise BadParam("beacon_name must be one value", field="beacon_name")
    text = given.filled("beacon_name", most=MOST_NAME)
    return None if text is None else _checked(text)


def beacon_names(given: Given) -> tuple[str, ...]:
    """Return all the beacons that are named, each once; raises BadParam."""
    names = dict.fromkeys(_checked(each) for each in given.every("beacon_name"))
    names.pop("", None)
    if len(names) > _MOST_BEACONS:
        raise BadParam(f"At most {_MOST_BEACONS} beacons can be named", field="beacon_name")
    return tuple(names)


def _checked(name: Any) -> str:
    text = str(name).strip()
    if not isinstance(name, str | int) or len(text) > MOST_NAME or not text.isprintable():
        raise BadParam(
            f"beacon_name may have {MOST_NAME} printable characters", field="beacon_name"
        )
    return text


def labels(given: Given) -> frozenset[str]:
    """Return labels: of a job what it asks for, of a worker what it has."""
    words = given.words("labels")
    if len(words) > _MOST_LABELS or any(len(word) > MOST_NAME for word in words):
        raise BadParam(
            f"labels may be {_MOST_LABELS} words of {MOST_NAME} characters", field="labels"
        )
    return frozenset(words)


def step(given: Given) -> int | None:
    """Return the task that is worked on, under either name."""
    for name in ("curtask", "cur_task"):
        text = given.filled(name)
        if text is not None:
            return whole_number(name, text)
    return None


def tasks_of(given: Given) -> tuple[bytes, int]:
    """Return the tasks as JSON text and how many they are; raises BadParam, TooLarge."""
    value = given.raw("tasks")
    if value is None or (isinstance(value, str) and not value.strip()):
        return b"[]", 0
    if isinstance(value, str) and len(value) > MOST_TASK_BYTES:
        raise _too_large()
    text = json_text("tasks", value)
    if len(text) > MOST_TASK_BYTES:
        raise _too_large()
    decoded = decode_json("tasks", text)
    if not isinstance(decoded, list) or not all(isinstance(each, dict) for each in decoded):
        raise BadParam("tasks must be an array of objects", field="tasks")
    return text.strip(), len(decoded)


def results(given: Given) -> bytes | None:
    """Return all results as one JSON array, None where there is no such parameter."""
    texts = given.results()
    return None if texts is None else b"[" + b",".join(texts) + b"]"


def failure(given: Given) -> str | None:
    """Return the error of a job that failed, None for one that did not."""
    text = given.filled("error", most=MOST_TASK_BYTES)
    return text[:_MOST_ERROR] if text else ("failed" if given.flag("failed") else None)


def log_lines(given: Given) -> list[NewLine]:
    """Return the lines that are to be added to a log.

    Each is text, or an object with ``line`` and perhaps its own ``seq`` and ``time``; text comes
    from place ``seq`` on.
    """
    first = given.whole("seq", 1, MOST_SEQ)
    values = [*given.every("line"), *given.every("lines")]
    return [
        _line(value, None if first is None else first + place) for place, value in enumerate(values)
    ]


def _line(value: Any, seq: int | None) -> NewLine:
    shape = _Line(line=value, seq=seq) if isinstance(value, str) else _as_line(value)
    if "\0" in shape.line:
        raise BadParam("A line must not hold the character U+0000", field="line")
    at_ms = None if shape.time is None else int(shape.time * 1000)
    return NewLine(line=shape.line, seq=shape.seq, at_ms=at_ms)


class _Line(msgspec.Struct, frozen=True):
    """A line as an object of a JSON body."""

    line: str
    seq: Annotated[int, msgspec.Meta(ge=1, le=MOST_SEQ)] | None = None
    time: Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND)] | None = None


def _as_line(value: Any) -> _Line:
    try:
        return msgspec.convert(value, _Line)
    except msgspec.ValidationError as error:
        raise BadParam(f"A line is text, or an object with it: {error}", field="lines") from error


def encoded(value: Any) -> bytes:
    """Return a value as JSON."""
    return msgspec.json.encode(value)


def _user_number(given: Given) -> int | None:
    text = given.filled("user_id")
    return None if text is None else whole_number("user_id", text)


def _moment(given: Given, name: str) -> int | None:
    seconds = given.whole(name, 0, LAST_SECOND)
    return seconds * 1000 if seconds else None


def _span(given: Given, name: str) -> int | None:
    seconds = given.whole(name, 0, _MOST_SECONDS)
    return None if seconds is None else seconds * 1000


def _url(given: Given) -> str | None:
    text = given.filled("callback_url", most=_MOST_URL)
    if text is not None and not _is_address(text):
        raise BadParam("callback_url must be an http or https address", field="callback_url")
    return text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return False
    printed = text.isprintable() and " " not in text
    return printed and parts.scheme in ("http", "https") and bool(parts.hostname)


def _too_large() -> TooLarge:
    return TooLarge(f"tasks may have {MOST_TASK_BYTES} bytes")
