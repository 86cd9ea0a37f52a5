"""Answers about accounts, organisations, tokens and keys: envelopes, and pages made in memory.

These collections are small by their limits (a thousand tokens, not a million devices), so a page is
cut from all of one owner's records, which keeps sorting and filtering in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from drover.faces.losant._lists import MOST_PER_PAGE, PER_PAGE, descending
from drover.model.instants import to_ms
from drover.query.fold import fold
from drover.query.glob import compile_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drover.faces.operation import Call

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Collection:
    """How a list of records is asked for and shown."""

    type: str
    path: str
    sortable: tuple[str, ...]
    filterable: tuple[str, ...] = ("name",)
    default_sort: str = "name"
    default_descending: bool = False

    def page(self, call: Call, documents: Sequence[Document]) -> Document:
        """Return one page of documents as the query asks; raises Invalid."""
        per_page = call.whole("perPage", PER_PAGE, least=1, most=MOST_PER_PAGE)
        page = call.whole("page", 0, most=10**9)
        sort_field = call.choice("sortField", self.sortable, self.default_sort)
        is_descending = descending(call, default=self.default_descending)
        kept = list(filter(self._filter(call), documents))
        kept.sort(key=lambda document: document["id"])
        kept.sort(key=lambda document: _sort_key(document.get(sort_field)), reverse=is_descending)
        items = kept[page * per_page : (page + 1) * per_page]
        path = self.path.format_map(call.path)
        return {
            "items": [envelope(call, self.type, each, f"{path}/{each['id']}") for each in items],
            "count": len(items),
            "totalCount": len(kept),
            "page": page,
            "perPage": per_page,
            "sortField": sort_field,
            "sortDirection": "desc" if is_descending else "asc",
            **{
                name: call.query[name] for name in ("filterField", "filter") if call.query.get(name)
            },
            **envelope(call, f"{self.type}s", dict(call.path), path),
        }

    def _filter(self, call: Call) -> Callable[[Document], bool]:
        field = call.choice("filterField", self.filterable, "")
        pattern = call.query.get("filter")
        if not field or not pattern:
            return lambda _document: True
        matches = compile_glob(pattern)
        return lambda document: matches(str(document.get(field) or ""))


def envelope(call: Call, type_: str, document: Document, path: str, **links: str) -> Document:
    """Return a document with its type and links, and the tag of what has an id of its own."""
    shown = {**document, "_type": type_}
    if "id" in document:
        digest = blake2b(msgspec.json.encode(document), digest_size=8).hexdigest()
        shown["_etag"] = f'"{digest}"'
    if call.flag("_links", default=True):
        shown["_links"] = {rel: {"href": href} for rel, href in {"self": path, **links}.items()}
    if call.flag("_actions"):
        shown["_actions"] = {}
    return shown


def without_none(document: Document) -> Document:
    """Return a document without the members that have no value."""
    return {name: value for name, value in document.items() if value is not None}


def moment(text: str | None) -> int | None:
    """Return a date of a body in milliseconds; raises Invalid."""
    return None if text is None else to_ms(text)


def _sort_key(value: object) -> tuple[bool, str]:
    return (value is None, fold(str(value or "")))
