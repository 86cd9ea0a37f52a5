"""Parts of names in the store: by trigrams in a large application, one by one in a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.ports.search import Found, NamedDevice
from drover.query.fold import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Transaction

FEW: Final = 2000
"""Names that are looked at one by one faster than an index of their parts is asked."""
GRAM: Final = 3
"""Characters of the parts that the index holds."""
_LAST: Final = chr(0x10FFFF)


class SearchStore:
    """Names within one transaction; see ``drover.ports.search.Search``."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def find(
        self, application_id: str, text: str, kinds: Sequence[str], limit: int
    ) -> Sequence[Found]:
        """Return resources of these kinds whose folded name holds a folded text."""
        params: dict[str, Any] = {
            "application_id": application_id,
            "kinds": list(kinds),
            "limit": limit,
        }
        few = {"application_id": application_id, "few": FEW}
        (many,) = await self._tx.fetch("search_many", few)
        if not many["many"]:
            rows = await self._tx.fetch("search_each", {**params, "text": text})
        elif len(text) < GRAM:
            rows = await self._tx.fetch(
                "search_first", {**params, "first": text, "last": text + _LAST}
            )
        else:
            rows = await self._tx.fetch("search_parts", {**params, **self._parts(text)})
        return [Found(row["kind"], row["id"]) for row in rows]

    async def devices(
        self, application_id: str, starts_with: str, limit: int
    ) -> Sequence[NamedDevice]:
        """Return devices whose names begin so, whatever the case, the first in their order.

        They are read in that order as far as is needed.
        """
        first = fold(starts_with)
        params = {"first": first, "last": first + _LAST, "limit": limit}
        rows = await self._tx.fetch("search_devices", {"application_id": application_id, **params})
        return [NamedDevice(row["id"], row["name"], row["device_class"]) for row in rows]

    def _parts(self, text: str) -> dict[str, Any]:
        found = grams(text)
        return {"text": text, "grams": found if self._tx.dialect == "postgres" else all_of(found)}


def grams(text: str) -> list[str]:
    """Return the parts of three characters of a text."""
    return sorted({text[at : at + GRAM] for at in range(len(text) - GRAM + 1)})


def all_of(parts: Sequence[str]) -> str:
    """Return the full-text query of what has all these parts."""
    return " AND ".join('"{}"'.format(part.replace('"', '""')) for part in parts)
