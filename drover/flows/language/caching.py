"""Compiled texts are kept, within bounds that no payload can stretch."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, TypeVar

from drover.flows.language.limits import CACHE_SIZE, MAX_CACHED

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def cached(compile_text: Callable[[str], T]) -> Callable[[str], T]:
    """Keep what ``compile_text`` made of the last short texts.

    A long text is compiled each time: texts may come from payloads, and thousands of long ones
    would fill the memory. Whoever uses one often keeps what it was compiled to.
    """
    remembered = lru_cache(CACHE_SIZE)(compile_text)

    @wraps(compile_text)
    def compile_or_recall(text: str) -> T:
        return remembered(text) if len(text) <= MAX_CACHED else compile_text(text)

    return compile_or_recall
