"""What is known of a device under the inventory's field names (section 8.4 of the contract).

``name`` and the device's id are its own. Every other field comes from the device tag of that key,
the smallest value where there are several; else from the last value reported under that name.
``tags`` are the values of the tags whose key is ``tag`` or ``tags``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.query.digi.fields import (
    DEVICE_CHOICES,
    DEVICE_NUMBERS,
    DEVICE_TEXTS,
    GROUP_ENDS,
    GROUP_STARTS,
    GROUP_WITHIN,
)
from drover.query.fold import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NATIVE: Final = frozenset({"name", "description", "connection_status"})
_NUMBERS: Final = frozenset(DEVICE_NUMBERS)
FROM_TAGS: Final = frozenset({*DEVICE_TEXTS, *DEVICE_NUMBERS, *DEVICE_CHOICES, "group"}) - _NATIVE
"""The fields that a device tag of the same key sets."""

TAG_KEYS: Final = frozenset({"tag", "tags"})
"""The keys of device tags whose values are the tags of the inventory."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?")


class Fact(NamedTuple):
    """One field of a device: ``value`` folded as comparisons need it, ``number`` for numerics."""

    field: str
    value: str
    number: float | None = None


def facts_of(name: str, tags: Iterable[tuple[str, str]]) -> list[Fact]:
    """Return what a device's name and its tags (key and value) tell."""
    single = {"name": Fact("name", fold(name))}
    several: dict[str, Fact] = {}
    for key, value in sorted(set(tags)):
        if key in TAG_KEYS:
            several.setdefault(fold(value), Fact("tags", fold(value)))
        elif key in FROM_TAGS and key not in single and (fact := _fact(key, value)):
            single[key] = fact
    return [*single.values(), *several.values()]


def _fact(key: str, value: str) -> Fact | None:
    if key == "group":
        return Fact(key, fold(value).strip("/"))
    if key not in _NUMBERS:
        return Fact(key, fold(value))
    if not _NUMBER.fullmatch(value):
        return None
    return Fact(key, value, float(value))


def group_fields(path: str | None) -> Mapping[str, str | None]:
    """Return the fields of a group's path for rows in memory; None stands for unset."""
    if path is None:
        return dict.fromkeys(("group", GROUP_STARTS, GROUP_ENDS, GROUP_WITHIN))
    plain = path.strip("/")
    return {
        "group": plain,
        GROUP_STARTS: f"{plain}/",
        GROUP_ENDS: f"/{plain}",
        GROUP_WITHIN: f"/{plain}/",
    }
