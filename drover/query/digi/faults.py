"""What can be wrong with a query: the reason, and the character at which it shows.

Invalid
  BadQuery          a query that cannot be understood
TooLarge
  QueryTooLong      a query of more bytes than are read
"""

from __future__ import annotations

from typing import Final

from drover.model.errors import Invalid, TooLarge

MAX_BYTES: Final = 8192
"""How many bytes of UTF-8 a query may have."""


class BadQuery(Invalid):
    """A query that cannot be understood; ``position`` counts characters from 0."""

    def __init__(self, query: str, reason: str, position: int) -> None:
        super().__init__(f"Invalid query: {reason} at position {position}", field="query")
        self.query = query
        self.position = position


class QueryTooLong(TooLarge):
    """A query of more than ``MAX_BYTES`` bytes; ``position`` is its first character too many."""

    def __init__(self, query: str, position: int) -> None:
        super().__init__(f"Invalid query: query too long at position {position}", field="query")
        self.query = query
        self.position = position


def check_length(query: str) -> None:
    """Raise QueryTooLong where a query has more than ``MAX_BYTES`` bytes."""
    encoded = query.encode(errors="replace")
    if len(encoded) > MAX_BYTES:
        raise QueryTooLong(query, len(encoded[:MAX_BYTES].decode(errors="ignore")))
