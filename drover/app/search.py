"""Find resources of every kind by a part of their name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid
from drover.ports.resources import Listing
from drover.query.fold import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.kind import Kind
    from drover.ports.store import Session, Store

MOST_FOUND: Final = 100
LONGEST_TEXT: Final = 255
_SHOWN: Final = ("version", "viewType", "flowClass", "deviceClass")
_METADATA: Final = ("parentDirectory", "contentType")
_DESCRIBING: Final = ("type", "integrationType", "resourceType", "level", "domainName", "method")
"""Members of documents that tell resources of one name apart."""


class NameSearch:
    """Finds resources of an application by a part of their name, in whatever case."""

    def __init__(self, store: Store, kinds: Sequence[Kind[Any]]) -> None:
        self._store = store
        self._kinds = {kind.one: kind for kind in kinds if kind.searchable and kind.path}

    async def find(self, application_id: str, text: str) -> Sequence[Mapping[str, Any]]:
        """Return what is found, by name, at most a hundred; raises Invalid for a text that is none.

        One of blanks alone would find everything; it may not be too long either.
        """
        wanted = fold(text.strip())
        if not wanted:
            raise Invalid("filter is required", field="filter")
        if len(wanted) > LONGEST_TEXT:
            raise Invalid(f"filter may have {LONGEST_TEXT} characters", field="filter")

        async def work(session: Session) -> list[dict[str, Any]]:
            ids: dict[str, list[str]] = defaultdict(list)
            names = list(self._kinds)
            for each in await session.search.find(application_id, wanted, names, MOST_FOUND):
                ids[each.kind].append(each.id)
            found: list[dict[str, Any]] = []
            for one, some in ids.items():
                kind = self._kinds[one]
                listing = Listing(sort_field="id", among={"id": some}, limit=MOST_FOUND)
                page = await session.resources.page(kind, application_id, listing)
                found += [shown(kind, resource) for resource in page.items]
            return found

        found = await self._store.read(work)
        return sorted(found, key=lambda each: (fold(each["name"]), each["id"]))


def shown(kind: Kind[Any], resource: Any) -> dict[str, Any]:
    """Return what a search says of a resource: what it is called, and what tells it apart."""
    document = msgspec.json.decode(kind.shown(resource))
    name = document.get("name") or getattr(resource, kind.named_by)
    found = {"id": resource.id, "name": name, "_type": kind.type_names[0]}
    if descriptor := next((document[each] for each in _DESCRIBING if document.get(each)), None):
        found["metadata"] = {"descriptor": descriptor}
    metadata = {each: document[each] for each in _METADATA if document.get(each)}
    if metadata:
        found["metadata"] = {**found.get("metadata", {}), **metadata}
    return {**found, **{each: document[each] for each in _SHOWN if document.get(each)}}
