"""MQTT topics as subjects of the broker, which writes them with dots.

A level that is empty is ``/`` there, a dot inside a level ``//``. Source: the broker's own rule.
"""

from __future__ import annotations

from functools import lru_cache


def to_subject(topic: str) -> str:
    """Return the subject of a topic, or of a filter; ``#`` leaves out the level above it."""
    return ".".join(_token(level) for level in topic.split("/"))


def to_topic(subject: str) -> str:
    """Return the topic of a subject."""
    return "/".join(_level(part) for part in subject.split("."))


@lru_cache(maxsize=4096)
def subjects_of(topic_filter: str) -> tuple[str, ...]:
    """Return the subjects that together are all that a filter takes."""
    found = [to_subject(topic_filter)]
    if topic_filter.endswith("/#"):
        found.append(to_subject(topic_filter.removesuffix("/#")))
    return tuple(found)


def is_within(inner: str, outer: str) -> bool:
    """Tell whether all that a subject with wildcards takes is taken by another as well."""
    levels, wanted = inner.split("."), outer.split(".")
    for level, each in zip(levels, wanted, strict=False):
        if each == ">":
            return True
        if level != each and (each != "*" or level == ">"):
            return False
    return len(levels) == len(wanted)


def _token(level: str) -> str:
    if level in ("+", "#"):
        return "*" if level == "+" else ">"
    return level.replace(".", "//") or "/"


def _level(part: str) -> str:
    return "" if part == "/" else part.replace("//", ".")
