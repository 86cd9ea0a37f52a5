"""Parameters as what the use cases take (TMM-compatible behaviour, sections 5 to 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.beacons.jobs import WantedJob
from drover.faces.tmm._given import decode_json, json_text, whole_number
from drover.faces.tmm._refusals import BadParam
from drover.model.beacon_job import DEFAULT_BEACON, Hold, Pick
from drover.model.errors import TooLarge

if TYPE_CHECKING:
    from drover.faces.tmm._given import Given

MOST_TASK_BYTES: Final = 1_048_576
"""Bytes of a job's tasks as JSON text."""

MOST_NAME: Final = 200
LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999."""

_MOST_PRIORITY: Final = 1_000_000
_MOST_LABELS: Final = 100
_MOST_ATTEMPTS: Final = 1000
_MOST_SECONDS: Final = 366 * 86_400
_LEASE: Final = (10, 86_400)
_MOST_URL: Final = 2000


def wanted_job(given: Given) -> WantedJob:
    """Return the job that is to be created; raises MissingParam, BadParam, TooLarge."""
    tasks, steps = tasks_of(given)
    return WantedJob(
        name=given.needed("name", most=1000),
        beacon_name=beacon_name(given) or DEFAULT_BEACON,
        user_number=_user_number(given),
        user_guid=given.filled("user_guid"),
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
        duplicate_of=given.whole("duplicate_of", 1, 2**63 - 1),
    )


def hold(given: Given) -> Hold:
    """Return who says that the job is theirs; ``token`` is another name for the fence."""
    fence = given.whole("fence", 0, 2**63 - 1)
    if fence is None:
        fence = given.whole("token", 0, 2**63 - 1)
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
    text = given.filled("beacon_name", most=MOST_NAME)
    if text is not None and not text.isprintable():
        raise BadParam("beacon_name must be printable", field="beacon_name")
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
    text = given.filled("error", most=10_000)
    return text or ("failed" if given.flag("failed") else None)


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
    if text is not None and not text.lower().startswith(("http://", "https://")):
        raise BadParam("callback_url must be an http or https address", field="callback_url")
    return text


def _too_large() -> TooLarge:
    return TooLarge(f"tasks may have {MOST_TASK_BYTES} bytes")
