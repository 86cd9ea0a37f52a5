"""The fields of the inventory: of jobs, and of the devices that jobs run on.

A job matches when one of its target devices makes the whole query true, see
``drover.query.digi.pairs``. Digi-compatible behaviour, section 8.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from drover.model.inventory import JOB_STATUSES, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class DigiType(Enum):
    """What a field holds, as messages call it."""

    TEXT = "text"
    NUMERIC = "numeric"
    ENUMERATED = "enumerated"
    GROUP = "group"
    TAG = "tag"
    JOB_TIME = "timestamp"
    DEVICE_TIME = "device timestamp"
    PATH = "dotted"  #: a member of a document, of any type


@dataclass(frozen=True, slots=True)
class DigiField:
    """One field; ``choices`` are the values of an enumerated one, ``whole`` numbers are integers.

    ``of_device`` tells a field of the target device from one of the job.
    """

    name: str
    type: DigiType
    of_device: bool
    choices: tuple[str, ...] = ()
    whole: bool = False


GROUP_STARTS: Final = "group.starts"
"""The group's path with a slash behind it: what ``startsWith`` looks at."""

GROUP_ENDS: Final = "group.ends"
"""The group's path with a slash before it: what ``endsWith`` looks at."""

GROUP_WITHIN: Final = "group.within"
"""The group's path between slashes: what ``contains`` looks at."""

STATE: Final = "status.state"
"""The state of the execution in our own words: what other dialects' words for a status ask of."""

SUBMITTER: Final = "username.id"
"""The id of the account or token that submitted a job: what a store makes of a ``username``."""

CONTEXT: Final = "context"
"""What a job was started with, one JSON object."""

RESULT: Final = "result"
"""What came of a job: what was handed in, a list of JSON objects any one of which is meant.

A resource job's is how its items ended: ``succeeded``, ``failed``, ``timedOut`` and ``total``."""


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


DEVICE_TEXTS: Final = _names(
    "carrier carrier2 contact description firmware_version ip location mac name network network2"
    " notes public_ip serial_number type"
)
DEVICE_NUMBERS: Final = _names(
    "signal_percent signal_percent2 signal_quality signal_quality2 signal_strength"
    " signal_strength2 vendor_id"
)
DEVICE_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "connection_status": ("connected", "disconnected"),
    "health_status": ("normal", "warning", "error", "unknown"),
    "restricted_status": ("unrestricted", "restricted", "disabled", "untrusted"),
}
DEVICE_TIMES: Final = _names("last_connect last_disconnect last_update")

JOB_TEXTS: Final = _names("username job_type job_name job_description source_id error_message")
JOB_NUMBERS: Final = _names(
    "id customer_id target_count success_count failure_count canceled_count progress_percent"
)
JOB_TIMES: Final = _names("submit_time start_time end_time")
JOB_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"status": JOB_STATUSES, "source": SOURCES}

ALIASES: Final = {"job_id": "id"}
"""Other names of fields."""


def _each(names: Iterable[str], type_: DigiType, *, of_device: bool) -> Iterator[DigiField]:
    for name in names:
        yield DigiField(name, type_, of_device, whole=not of_device)


def _choices(table: Mapping[str, tuple[str, ...]], *, of_device: bool) -> Iterator[DigiField]:
    for name, choices in table.items():
        yield DigiField(name, DigiType.ENUMERATED, of_device, choices=choices)


def _declared() -> Iterator[DigiField]:
    yield from _each((*DEVICE_TEXTS, "device_id"), DigiType.TEXT, of_device=True)
    yield from _each(DEVICE_NUMBERS, DigiType.NUMERIC, of_device=True)
    yield from _each(DEVICE_TIMES, DigiType.DEVICE_TIME, of_device=True)
    yield from _choices(DEVICE_CHOICES, of_device=True)
    yield DigiField("group", DigiType.GROUP, of_device=True)
    yield DigiField("tags", DigiType.TAG, of_device=True)
    yield from _each(JOB_TEXTS, DigiType.TEXT, of_device=False)
    yield from _each(JOB_NUMBERS, DigiType.NUMERIC, of_device=False)
    yield from _each(JOB_TIMES, DigiType.JOB_TIME, of_device=False)
    yield from _choices(JOB_CHOICES, of_device=False)


FIELDS: Final[Mapping[str, DigiField]] = {field.name: field for field in _declared()}
"""Every field that a query may name, by its name in lower case."""

DEVICE_FIELDS: Final = frozenset(
    {name for name, field in FIELDS.items() if field.of_device}
    | {GROUP_STARTS, GROUP_ENDS, GROUP_WITHIN}
)
"""The names in a tree that belong to the target device."""


def path_named(name: str) -> DigiField | None:
    """Return the field of a dotted path into a context or a result; None when it is none."""
    root, *rest = name.split(".")
    if root.lower() not in (CONTEXT, RESULT) or not rest:
        return None
    if not all(part and not part[0].isdigit() for part in rest):
        return None
    return DigiField(".".join([root.lower(), *rest]), DigiType.PATH, of_device=False)


def field_named(name: str) -> DigiField | None:
    """Return the field of a name in any case; None when there is none."""
    lowered = name.lower()
    return FIELDS.get(ALIASES.get(lowered, lowered))
