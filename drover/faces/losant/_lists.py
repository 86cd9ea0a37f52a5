"""What a list request may ask for, checked against the declaration of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid
from drover.ports.resources import MOST_PAGE_BYTES, Listing, Page
from drover.query.filters import by_glob
from drover.query.glob import glob_matches
from drover.query.kinds import FIELD_SETS
from drover.query.losant import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.faces.operation import Call
    from drover.model.kind import Kind
    from drover.query.tree import Node

PER_PAGE: Final = 100
MOST_PER_PAGE: Final = 1000
FARTHEST: Final = 10**9
DIRECTIONS: Final = ("asc", "desc")
PARAMETERS: Final = (
    "sortField",
    "sortDirection",
    "page",
    "perPage",
    "filterField",
    "filter",
)


def parameters(kind: Kind[Any]) -> tuple[str, ...]:
    """Return the names of what a list request may give."""
    return (*PARAMETERS, "query") if kind.queryable else PARAMETERS


def listing(call: Call, kind: Kind[Any]) -> Listing:
    """Return what a list request asks for; raises Invalid naming the parameter."""
    per_page = call.whole("perPage", PER_PAGE, least=1, most=MOST_PER_PAGE)
    page = call.whole("page", 0, most=FARTHEST)
    return Listing(
        sort_field=call.choice("sortField", kind.sortable, kind.default_sort),
        descending=descending(call, default=kind.default_descending),
        offset=page * per_page,
        limit=per_page,
        filter_field=call.choice("filterField", kind.filterable, "") or None,
        filter=call.query.get("filter") or None,
        query=query(call, kind),
        within=within(call, kind),
        most_bytes=MOST_PAGE_BYTES,
    )


def query(call: Call, kind: Kind[Any]) -> Node | None:
    """Return the tree of the ``query`` parameter, None without one; raises Invalid."""
    text = call.query.get("query")
    if text is None and kind.queryable and call.nested("query") is not None:
        raise reject("query", "must be one JSON document, not in brackets")
    if not kind.queryable or text is None or not text.strip():
        return None
    return parse_json(text, FIELD_SETS[kind.one])


def paged(found: Sequence[dict[str, Any]], listing: Listing) -> Page[bytes]:
    """Return the page that a list asks for of documents that are all at hand."""
    kept = [
        each
        for each in found
        if not listing.filter_field
        or not listing.filter
        or glob_matches(listing.filter, each[listing.filter_field])
    ]
    kept.sort(key=lambda each: each["id"])
    kept.sort(key=lambda each: each.get(listing.sort_field, 0), reverse=listing.descending)
    page = kept[listing.offset : listing.offset + listing.limit]
    return Page([msgspec.json.encode(each) for each in page], len(kept))


def globbed(listing: Listing) -> Node:
    """Return the tree of a list's ``filterField`` and ``filter``."""
    return by_glob(listing.filter_field, listing.filter)


def descending(call: Call, *, default: bool = False) -> bool:
    """Return the direction asked for; raises Invalid for one that is none."""
    given = call.query.get("sortDirection", "").lower() or ("desc" if default else "asc")
    if given not in DIRECTIONS:
        raise reject("sortDirection", f"must be one of: {', '.join(DIRECTIONS)}")
    return given == "desc"


def within(call: Call, kind: Kind[Any]) -> dict[str, str]:
    """Return the columns that the path fixes."""
    return {kind.parent_field: parent_id(call, kind) or ""} if kind.parent else {}


def parent_id(call: Call, kind: Kind[Any]) -> str | None:
    """Return the id of the resource that the path says a kind is kept inside."""
    return call.path[f"{kind.parent}Id"] if kind.parent else None


def reject(name: str, message: str) -> Invalid:
    """Return the error of a bad parameter."""
    return Invalid(f"{name} {message}", field=name)
