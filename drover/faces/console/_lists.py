"""Lists in numbered pages: which one is asked for, and the ways to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from drover.faces.console._rendering import number
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.faces.console._site import Visit
    from drover.ports.resources import Page

PER_PAGE: Final = 50
_FARTHEST: Final = 10**9
_PAGE: Final = "page"


def listing(visit: Visit, sort_field: str, **more: Any) -> Listing:
    """Return the page that is asked for, in an order; raises Invalid."""
    at = visit.call.whole(_PAGE, 0, most=_FARTHEST)
    return Listing(sort_field=sort_field, offset=at * PER_PAGE, limit=PER_PAGE, **more)


def named_like(visit: Visit, name: str = "name") -> dict[str, str]:
    """Return the filter by name of an address; without wildcards, the name has that text in it."""
    text = visit.asked(name)
    if not text:
        return {}
    glob = text if set(text) & set("*?") else f"*{text}*"
    return {"filter_field": "name", "filter": glob}


def shown(asked: Listing, found: Page[Any]) -> dict[str, Any]:
    """Return the documents of a page, and what tells where it is."""
    first = asked.offset + 1 if found.items else 0
    last = asked.offset + len(found.items)
    told = f"{number(first)} to {number(last)} of {number(found.total)}"
    return {
        "items": [_decoded(each) for each in found.items],
        "total": found.total,
        "told": told if found.items else "",
    }


def ways(visit: Visit, asked: Listing, total: int, path: str = "") -> Mapping[str, str]:
    """Return the addresses of the first page and the one before, from others, and of the next.

    They begin with ``path``; without one they are relative to the page that is shown. Behind the
    last page the one before is the last.
    """
    kept = {name: value for name, value in visit.call.query.items() if name not in (_PAGE, "done")}
    at, last = asked.offset // asked.limit, max(0, total - 1) // asked.limit
    before = min(at - 1, last)

    def page(number: int) -> str:
        return f"{path}?{urlencode({**kept, _PAGE: number})}"

    return {
        "previous": f"{path}?{urlencode(kept)}" if at else "",
        "before": page(before) if before > 0 else "",
        "following": page(at + 1) if at < last else "",
    }


def _decoded(item: Any) -> Any:
    return msgspec.json.decode(item) if isinstance(item, bytes) else item
