"""Versions of an application's own interface by id or name, and views as a version shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from drover.app.catalog import Catalog
from drover.app.experience_site import DEVELOP, ExperienceSite
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._usual import usual
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.experience_view import KIND as VIEW
from drover.model.errors import Missing
from drover.query.tree import Compare, Operator, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drover.app.services import Services
    from drover.faces.operation import Call, Operation

_TYPES = ("page", "layout", "component")

_ID_OR_NAME: Final = "experienceVersionIdOrName"


class _Versions:
    """The operations on versions, which go by id or name."""

    def __init__(self, catalog: Catalog, site: ExperienceSite) -> None:
        self._catalog = catalog
        self._site = site

    async def page(self, call: Call) -> bytes:
        """Return one page, each with the names it answers at."""
        listing = _lists.listing(call, VERSION)
        found = await self._catalog.list(VERSION, call.application_id, listing)
        items = await self._named(call, found.items)
        return _envelope.page(VERSION, call, listing, replace(found, items=items))

    async def post(self, call: Call) -> bytes:
        """Create one."""
        made = await self._catalog.create(call.caller, VERSION, call.application_id, call.body)
        return await self._one(call, made)

    async def get(self, call: Call) -> bytes:
        """Return one."""
        version_id = await self._id(call)
        found = await self._catalog.get(VERSION, call.application_id, version_id)
        return await self._one(call, found)

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, await self._id(call), None)
        return await self._one(
            call, await self._catalog.patch(call.caller, VERSION, old, call.body)
        )

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one."""
        version_id = await self._id(call)
        await self._catalog.delete(call.caller, VERSION, call.application_id, version_id)
        return {"success": True}

    async def _id(self, call: Call) -> str:
        wanted = call.path[_ID_OR_NAME]
        return await self._site.version_id(call.caller, call.application_id, wanted)

    async def _one(self, call: Call, document: bytes) -> bytes:
        return _envelope.one(VERSION, call, (await self._named(call, [document]))[0])

    async def _named(self, call: Call, documents: Sequence[bytes]) -> list[bytes]:
        domains, slugs = await self._site.attached(call.application_id)
        shown = []
        for document in documents:
            version = msgspec.json.decode(document)["version"]
            for member, names in (("attachedDomains", domains), ("attachedSlugs", slugs)):
                own = [each for each in names if each.get("version") == version]
                kept = [{k: v for k, v in each.items() if k != "version"} for each in own]
                document = _envelope.with_member(document, member, kept)  # noqa: PLW2901 - it grows
            shown.append(document)
        return shown


class _Views:
    """The reading of views, as they are or as a version shows them."""

    def __init__(self, catalog: Catalog, site: ExperienceSite) -> None:
        self._catalog = catalog
        self._site = site

    async def page(self, call: Call) -> bytes:
        """Return one page of one type, where that is asked."""
        listing = _lists.listing(call, VIEW)
        wanted = call.choice("viewType", _TYPES, "")
        version = call.query.get("version") or DEVELOP
        if version != DEVELOP:
            views = await self._site.views(call.application_id, version)
            typed = [view for view in views if wanted in ("", view["viewType"])]
            return _envelope.page(VIEW, call, listing, _lists.paged(typed, listing))
        if wanted:
            of_type = Compare("viewType", Operator.EQUAL, wanted)
            listing = replace(listing, query=all_of([_lists.globbed(listing), of_type]))
        found = await self._catalog.list(VIEW, call.application_id, listing)
        return _envelope.page(VIEW, call, listing, found)

    async def get(self, call: Call) -> bytes:
        """Return one."""
        view_id = call.path["experienceViewId"]
        version = call.query.get("version") or DEVELOP
        if version == DEVELOP:
            found = await self._catalog.get(VIEW, call.application_id, view_id)
            return _envelope.one(VIEW, call, found)
        for view in await self._site.views(call.application_id, version):
            if view["id"] == view_id:
                return _envelope.one(VIEW, call, msgspec.json.encode(view))
        raise Missing(f"{VIEW.title} was not found")


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on versions and views that the usual ones do not cover."""
    yield from _of_versions(_Versions(services[Catalog], services[ExperienceSite]))
    yield from _of_views(_Views(services[Catalog], services[ExperienceSite]))


def _of_versions(versions: _Versions) -> Iterator[Operation]:
    yield usual(VERSION, "list", versions.page, _lists.PARAMETERS)
    yield usual(VERSION, "post", versions.post)
    yield usual(VERSION, "get", versions.get, identifier=_ID_OR_NAME)
    yield usual(VERSION, "patch", versions.patch, identifier=_ID_OR_NAME)
    yield usual(VERSION, "delete", versions.delete, identifier=_ID_OR_NAME)


def _of_views(views: _Views) -> Iterator[Operation]:
    yield usual(VIEW, "list", views.page, (*_lists.PARAMETERS, "viewType", "version"))
    yield usual(VIEW, "get", views.get, ("version",))
