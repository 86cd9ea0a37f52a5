"""Regular expressions from users, matched in time linear in the text."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import re2

from drover.flows.language.limits import MAX_PATTERN

_MAX_MEMORY: Final = 1 << 20
"""Bytes of a compiled pattern and of the states it builds while searching."""


def compile_regex(pattern: str) -> re2._Regexp | None:
    """Return the compiled pattern, or None when it is not a regular expression of this kind."""
    return _compile(pattern) if len(pattern) <= MAX_PATTERN else None


@lru_cache(128)
def _compile(pattern: str) -> re2._Regexp | None:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
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

    A bad pattern matches nothing. See ``search_steps`` for what this may cost.
    """
    regex = compile_regex(pattern)
    try:
        return regex is not None and regex.search(text) is not None
    except UnicodeEncodeError:
        return False
