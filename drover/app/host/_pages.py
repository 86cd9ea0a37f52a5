"""Pages of resources as nodes ask for them and get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.ports.resources import MOST_PAGE_BYTES, Listing

if TYPE_CHECKING:
    from drover.app.answering import Request
    from drover.query.tree import Node


def listing_of(request: Request, query: Node) -> Listing:
    """Return what a request asks for: a page, or the first alone unless it wants ``many``."""
    page, size = _place(request)
    many = request["many"]
    return Listing(
        sort_field=request["sortField"],
        descending=request["sortDirection"] == "desc",
        offset=page * size if many else 0,
        limit=size if many else 1,
        query=query,
        most_bytes=MOST_PAGE_BYTES,
    )


def found_page(request: Request, items: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Return what was found, with its place among all there is."""
    page, size = _place(request)
    return {
        "items": items,
        "totalCount": total,
        "page": page,
        "perPage": size,
        "sortField": request["sortField"],
        "sortDirection": request["sortDirection"],
    }


def _place(request: Request) -> tuple[int, int]:
    return request.get("page", 0), request.get("perPage", 100)
