"""Regular expressions from users, matched in time linear in the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import re2

from drover.flows.language.limits import MAX_PATTERN

MAX_STEPS: Final = 100_000_000
"""Most steps that one search may take: characters of the text times size of the program."""


@lru_cache(512)
def compile_regex(pattern: str) -> re2._Regexp | None:
    """Return the compiled pattern, or None when it is not a regular expression of this kind."""
    if len(pattern) > MAX_PATTERN:
        return None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError):
        return None


def search_steps(pattern: str, text: str) -> int:
    """Return how many steps searching ``text`` may take at worst; 0 for a bad pattern."""
    regex = compile_regex(pattern)
    return regex.programsize * len(text) if regex else 0


def found_in(pattern: str, text: str) -> bool:
    """Whether ``pattern`` matches anywhere in ``text``.

    A bad pattern matches nothing, and neither does a search of more than ``MAX_STEPS``.
    """
    regex = compile_regex(pattern)
    if regex is None or search_steps(pattern, text) > MAX_STEPS:
        return False
    try:
        return regex.search(text) is not None
    except UnicodeEncodeError:
        return False
