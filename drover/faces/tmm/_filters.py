"""Filters of a list: any property, compared exactly (TMM-compatible behaviour, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.app.beacons.jobs import Wanted
from drover.faces.tmm._given import json_text, whole_number
from drover.faces.tmm._refusals import BadParam
from drover.query.tree import ALL, Compare, Missing, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.faces.tmm._given import Given

_TEXTS: Final = frozenset(
    {"name", "user_guid", "beacon_name", "status", "worker", "error", "unique_key", "callback_url"}
)
_NUMBERS: Final = frozenset(
    {"id", "cur_task", "total_tasks", "duplicate_of", "priority", "attempts", "max_attempts"}
    | {"fence", "lease", "timeout", "retry_delay"}
)
_TIMES: Final = frozenset(
    {"add_time", "q_time", "pickup_time", "start_time", "end_time", "lease_until"}
)
_FLAGS: Final = frozenset({"scheduled", "schedule_active", "cancel_requested", "dead"})
_DOCUMENTS: Final = frozenset({"result", "tasks", "labels"})
_ALIASES: Final = {"job_id": "id"}
_CONTROLS: Final = frozenset({"action", "userkey", "limit", "offset"})
_TRUE: Final = frozenset({"true", "1"})

PROPERTIES: Final = _TEXTS | _NUMBERS | _TIMES | _FLAGS | _DOCUMENTS | {"user", "job_id"}
"""Everything that a list can be filtered by."""


def wanted(given: Given) -> Wanted:
    """Return which jobs a list is to show; raises BadParam."""
    parts: list[Node] = []
    documents: dict[str, str] = {}
    for name in _named(given):
        if name in _DOCUMENTS:
            documents[name] = _document(given, name)
        else:
            parts.append(_test(_ALIASES.get(name, name), given.text(name) or ""))
    return Wanted(query=all_of(parts), documents=documents, templates=_templates(given))


def ignored(given: Given) -> list[str]:
    """Return the parameters that mean nothing here."""
    return [name for name in given.in_query if name not in PROPERTIES | _CONTROLS]


def _named(given: Given) -> Sequence[str]:
    return [name for name in sorted(PROPERTIES) if name in given]


def _templates(given: Given) -> bool:
    return (given.text("scheduled") or "").lower() in _TRUE


def _test(name: str, text: str) -> Node:
    if name == "user":
        return _user(text)
    if name in _FLAGS:
        return _flag(name, text)
    if not text:
        blank = Compare(name, Operator.EQUAL, "")
        return any_of([Missing(name), blank]) if name in _TEXTS else Missing(name)
    if name in _TEXTS:
        return Compare(name, Operator.EQUAL, text)
    value = whole_number(name, text)
    test = Compare(name, Operator.EQUAL, value)
    return any_of([test, Missing(name)]) if name in _TIMES and value == 0 else test


def _flag(name: str, text: str) -> Node:
    if not text:
        return Missing(name)
    if name == "scheduled" and text.lower() in _TRUE:
        return Compare(name, Operator.EQUAL, 1)
    return Compare(name, Operator.EQUAL, int(text.lower() in _TRUE))


def _user(text: str) -> Node:
    if not text:
        return Missing("user")
    tests: list[Node] = [
        Compare("user_guid", Operator.EQUAL, text),
        Compare("login", Operator.EQUAL, text.lower()),
    ]
    if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        tests.append(Compare("user", Operator.EQUAL, int(text)))
    return any_of(tests) if tests else ALL


_LONGEST_NUMBER: Final = 18


def _document(given: Given, name: str) -> str:
    value = given.raw(name)
    if not isinstance(value, str) or not value.strip():
        return "[]"
    json_text(name, value)
    if "\\u0000" in value:
        raise BadParam(f"{name} must not hold the character U+0000", field=name)
    return value
