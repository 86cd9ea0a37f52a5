"""What the operations on experience users and on groups have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.host._pages import found_page, listing_of
from drover.model.errors import Missing
from drover.model.fields import is_id
from drover.query.filters import tagged_any
from drover.query.losant import parse
from drover.query.tree import NOTHING, Compare, Node, Operator, all_of, any_of

if TYPE_CHECKING:
    from drover.app.answering import Asking, Request
    from drover.model.kind import Kind
    from drover.query.fields import FieldSet


async def found(asking: Asking, request: Request, kind: Kind[Any], chosen: Node) -> dict[str, Any]:
    """Return a page of what is chosen, as nodes show it, or the first alone."""
    listing = listing_of(request, chosen)
    read = await asking.store.read(
        lambda session: session.resources.page_bytes(kind, asking.application_id, listing)
    )
    items = [decoded(kind, document) for document in read.items]
    return found_page(request, items, read.total)


def decoded(kind: Kind[Any], document: bytes) -> dict[str, Any]:
    """Return a document with its id under its own name too."""
    shown: dict[str, Any] = msgspec.json.decode(document)
    shown[f"{kind.one}Id"] = shown["id"]
    return shown


def by_query(request: Request, fields: FieldSet) -> Node:
    """Return the tree of the query that a node was given; raises Invalid."""
    return parse(request["query"], fields)


def by_tags(request: Request, field: str, *, every: bool) -> Node:
    """Return the tree of what has every one, or any one, of the tags that a node was given."""
    pairs = [
        {name: tag[name] for name in ("key", "value") if tag.get(name)} for tag in request["tags"]
    ]
    single = [tagged_any(field, [pair]) for pair in pairs]
    return all_of(single) if every else any_of(single)


def by_id(value: str) -> Node:
    """Return the tree of the one with an id."""
    return Compare("id", Operator.EQUAL, value.lower()) if is_id(value) else NOTHING


def checked_id(value: Any, kind: Kind[Any]) -> str:
    """Return an id in lower case; raises Missing for what is none."""
    if not is_id(str(value)):
        raise Missing(f"{kind.title} was not found")
    return str(value).lower()
