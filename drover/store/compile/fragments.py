"""Pieces of an SQL condition, joined so that the whole stays shallow.

SQLite refuses an expression deeper than 1,000 and, before 3.46, a parse stack of more than 100. So
the shallowest pieces are joined first, and a deep one stands to the left of its operator, where
the parser need not keep anything while it reads it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tightness(IntEnum):
    """How tightly the outermost operator of a piece binds."""

    OR = 1
    AND = 2
    ATOM = 3


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a condition; a ``certain`` one is known never to be NULL."""

    sql: str
    certain: bool = False
    tightness: Tightness = Tightness.ATOM
    height: int = 0

    def within(self, tightness: Tightness) -> str:
        """Return the SQL to stand where only pieces at least so tight may stand bare."""
        return self.sql if self.tightness >= tightness else f"({self.sql})"


TRUE = Fragment("TRUE", certain=True)
FALSE = Fragment("FALSE", certain=True)


def join(parts: Iterable[Fragment], tightness: Tightness) -> Fragment:
    """Join pieces by AND or OR; none are TRUE and FALSE."""
    heap = [(part.height, order, part) for order, part in enumerate(parts)]
    heapq.heapify(heap)
    order = len(heap)
    while len(heap) > 1:
        first, second = heapq.heappop(heap)[2], heapq.heappop(heap)[2]
        if second.height > first.height:
            first, second = second, first
        order += 1
        heapq.heappush(heap, (first.height + 1, order, _pair(first, second, tightness)))
    if not heap:
        return TRUE if tightness is Tightness.AND else FALSE
    return heap[0][2]


def negated(part: Fragment) -> Fragment:
    """Return the opposite of a test, whose NULL counts as false."""
    sql = f"NOT ({part.sql})" if part.certain else f"({part.sql}) IS NOT TRUE"
    return Fragment(sql, certain=True)


def _pair(left: Fragment, right: Fragment, tightness: Tightness) -> Fragment:
    tighter = Tightness(min(tightness + 1, Tightness.ATOM))
    return Fragment(
        f"{left.within(tightness)} {tightness.name} {right.within(tighter)}",
        tightness=tightness,
        height=left.height + 1,
    )
