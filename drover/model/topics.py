"""MQTT topics and filters: what may be one, and whose it is.

Topics whose first level begins with ``losant`` are the fleet's own, as devices in the field know
them: ``losant/DEVICE/state`` and ``losant/DEVICE/command``. Every other topic is free.
Losant-compatible behaviour, section 6.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.model.fields import is_id

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TOPIC: Final = 1024
"""Characters of a topic or a filter."""

MOST_ROOTS: Final = 200
"""First levels that workflows of one application wait for: all its devices may use them."""

LONGEST_ROOT: Final = 250
"""Bytes of one such level."""

MOST_ROOT_BYTES: Final = 8000
"""Bytes of all such levels together: the broker takes no longer claims than some 190 kB."""

STATE: Final = "state"
COMMAND: Final = "command"

ANY: Final = "#"
"""The filter of all topics."""

_ROOT: Final = "losant"
_ANSWERS: Final = "_INBOX"
"""No free first level: there the broker answers the server's own questions."""

_BLANK: Final = re.compile(r"[\0\s]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PARTS: Final = 3


class DeviceTopic(NamedTuple):
    """One of the fleet's own topics: whose it is, and what passes on it."""

    device_id: str
    what: str

    @property
    def topic(self) -> str:
        """The topic as messages pass on it: its id may have been given in upper case."""
        return f"{_ROOT}/{self.device_id}/{self.what}"


def is_topic(text: str) -> bool:
    """Tell whether a message can be published on this: no wildcard, nothing of the broker's."""
    return _is_plain(text) and "+" not in text and "#" not in text


def is_filter(text: str) -> bool:
    """Tell whether this can be subscribed to: ``+`` and ``#`` fill whole levels, ``#`` the last."""
    if not _is_plain(text):
        return False
    levels = text.split("/")
    return all(
        level in ("+", "#") or ("+" not in level and "#" not in level) for level in levels
    ) and ("#" not in levels[:-1])


def fits(topic_filter: str, topic: str) -> bool:
    """Tell whether a topic is one of those that a filter takes; ``a/#`` takes ``a`` too."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        del wanted[-1]
        del levels[len(wanted) :]
    return len(levels) == len(wanted) and all(
        each in ("+", level) for each, level in zip(wanted, levels, strict=True)
    )


def is_reserved(text: str) -> bool:
    """Tell whether a topic or a filter begins with what is the fleet's own."""
    return text.startswith(_ROOT)


def free_root(topic_filter: str) -> str | None:
    """Return the first level of a filter, None where that is a wildcard or is reserved.

    What the server grants begins with a level of its own: a filter that takes any first level
    would take the fleet's own topics too. ``*`` and ``>`` are the broker's wildcards.
    """
    root = topic_filter.split("/", maxsplit=1)[0]
    free = is_topic(root) and not is_reserved(root) and root != _ANSWERS
    return root if free and not _CONTROL.search(root) else None


def free_roots(filters: Iterable[str]) -> frozenset[str]:
    """Return the first levels of filters, of more than the broker can be told those first by name.

    Levels longer than ``LONGEST_ROOT`` are left out.
    """
    found = {root for each in filters if (root := free_root(each)) is not None}
    short = sorted(root for root in found if len(root.encode()) <= LONGEST_ROOT)[:MOST_ROOTS]
    ends = accumulate(len(root.encode()) for root in short)
    return frozenset(root for root, end in zip(short, ends, strict=True) if end <= MOST_ROOT_BYTES)


def below(topic_filter: str, roots: Iterable[str]) -> list[str]:
    """Return filters of what a filter takes of free topics; ``roots`` are their first levels.

    One that takes any first level is written out for each root, any other stays as it is.
    """
    first, *rest = topic_filter.split("/", maxsplit=1)
    if first == ANY:
        return [found for root in roots for found in (root, f"{root}/#")]
    if first == "+":
        return ["/".join((root, *rest)) for root in roots]
    return [topic_filter] if free_root(topic_filter) is not None else []


def device_topic(text: str) -> DeviceTopic | None:
    """Return whose topic this is, None when it is no device's."""
    parts = text.split("/")
    if len(parts) != _PARTS or parts[0] != _ROOT or parts[2] not in (STATE, COMMAND):
        return None
    return DeviceTopic(parts[1].lower(), parts[2]) if is_id(parts[1]) else None


def state_topic(device_id: str) -> str:
    """Return where a device reports its state."""
    return f"{_ROOT}/{device_id}/{STATE}"


def command_topic(device_id: str) -> str:
    """Return where a device listens for commands."""
    return f"{_ROOT}/{device_id}/{COMMAND}"


def device_filter(device_id: str) -> str:
    """Return the filter of all topics of a device."""
    return f"{_ROOT}/{device_id}/+"


def _is_plain(text: str) -> bool:
    """Tell whether the broker can carry a topic: it takes no blanks, and two levels not at all."""
    if not 0 < len(text) <= LONGEST_TOPIC or text.startswith("$"):
        return False
    return not _BLANK.search(text) and {"*", ">"}.isdisjoint(text.split("/"))
