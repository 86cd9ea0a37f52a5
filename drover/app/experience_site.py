"""An application's own interface as a whole: its versions, and the names it answers at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, structs

from drover.app.catalog import QuietHook
from drover.kinds.experience_domain import KIND as DOMAIN
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_slug import KIND as SLUG
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.experience_version import ExperienceVersion
from drover.kinds.experience_view import KIND as VIEW
from drover.model.errors import Invalid, Missing
from drover.model.fields import is_id
from drover.ports.resources import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.app.catalog import Catalog
    from drover.kinds.experience_endpoint import ExperienceEndpoint
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session, Store

DEVELOP: Final = "develop"
"""The version that is worked on: it shows what there is, where the others show what there was."""
EVERYTHING: Final = 2**31 - 1


class ExperienceVersionHook(QuietHook):
    """Takes a picture of what there is for a new version, and gives it the names it answers at."""

    async def before(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the version with its picture; raises Invalid.

        A picture that is given, as bundles do, holds what the kinds allow and is of this
        application.
        """
        if new.snapshot and (old is None or new.snapshot != old.snapshot):
            new = structs.replace(new, snapshot=_own(new.snapshot, new.application_id))
        if new.version == DEVELOP:
            if new.source_version_id_or_name:
                raise Invalid("The develop version follows no other", field="sourceVersionIdOrName")
        elif (old is None and not new.snapshot) or new.source_version_id_or_name:
            source = new.source_version_id_or_name or DEVELOP
            seen = await _seen_in(session, new.application_id, source)
            new = structs.replace(new, snapshot=seen)
        for kind, ids in ((DOMAIN, new.domain_ids), (SLUG, new.slug_ids)):
            for each in ids or ():
                await _show(session, kind, new.application_id, each, new.version)
        gone = dict.fromkeys(("domain_ids", "slug_ids", "source_version_id_or_name"), UNSET)
        return structs.replace(new, **gone)

    async def after(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Take a deleted version off the names that it answered at."""
        if new is not None:
            return
        for kind in (DOMAIN, SLUG):
            for each in await everything(session, kind, old.application_id):
                if each.version == old.version:
                    await session.resources.put(kind, structs.replace(each, version=UNSET))


class ExperienceNameHook(QuietHook):
    """Refuses a name that would show a version there is not."""

    async def before(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the domain or slug unchanged; raises Invalid."""
        if new.version and new.version != DEVELOP and new.version != getattr(old, "version", None):
            try:
                await version_named(session, new.application_id, new.version)
            except Missing as error:
                raise Invalid(f"{error.message} at `version`", field="version") from error
        return new


class ExperienceSite:
    """Reads versions of an application's interface by their name, with what they show."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    async def version_id(self, caller: Caller, application_id: str, wanted: str) -> str:
        """Return the id of a version by its id or name; raises Missing.

        The develop version is made where it is asked for first.
        """

        async def work(session: Session) -> str:
            try:
                return (await version_named(session, application_id, wanted)).id
            except Missing:
                if wanted != DEVELOP:
                    raise
            stamp = self._catalog.stamp(caller, application_id, await session.now_ms())
            new = VERSION.create(msgspec.json.encode({"version": DEVELOP}), stamp)
            return (await self._catalog.add(session, caller, VERSION, new)).id

        return await self._store.write(work)

    async def attached(
        self, application_id: str
    ) -> tuple[Sequence[dict[str, str]], Sequence[dict[str, str]]]:
        """Return the domains and slugs of an application, each with id, name and version."""

        async def work(session: Session) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
            domains = await everything(session, DOMAIN, application_id)
            slugs = await everything(session, SLUG, application_id)
            return (
                [{"id": d.id, "domainName": d.domain_name, "version": d.version} for d in domains],
                [{"id": s.id, "slug": s.slug, "version": s.version} for s in slugs],
            )

        return await self._store.read(work)

    async def views(self, application_id: str, version: str) -> Sequence[dict[str, Any]]:
        """Return the views of a version by its id or name; raises Missing."""
        return await self._of(VIEW, application_id, version)

    async def endpoints(self, application_id: str, version: str) -> Sequence[dict[str, Any]]:
        """Return the endpoints of a version by its id or name; raises Missing."""
        return await self._of(ENDPOINT, application_id, version)

    async def groups(self, application_id: str) -> dict[str, str]:
        """Return the names of an application's groups of users, by their ids."""
        found = await self._store.read(lambda session: everything(session, GROUP, application_id))
        return {each.id: each.name for each in found}

    async def _of(
        self, kind: Kind[Any], application_id: str, version: str
    ) -> Sequence[dict[str, Any]]:
        async def work(session: Session) -> Sequence[dict[str, Any]]:
            return (await _seen_in(session, application_id, version)).get(kind.one, [])

        return await self._store.read(work)


class Site(NamedTuple):
    """An application's interface in one version: its endpoints, and what holds for all of them."""

    application_id: str
    version: str
    settings: ExperienceVersion | None
    endpoints: Sequence[ExperienceEndpoint]


async def site_of(session: Session, application_id: str, version: str) -> Site:
    """Return the interface in a version by its id or name; raises Missing.

    The develop version is as it is now, whether its settings were ever looked at or not.
    """
    try:
        settings = await version_named(session, application_id, version)
    except Missing:
        if version != DEVELOP:
            raise
        settings = None
    name = DEVELOP if settings is None else settings.version
    kept = None if settings is None or name == DEVELOP else (settings.snapshot or {})
    if kept is None or ENDPOINT.one not in kept:
        endpoints = await everything(session, ENDPOINT, application_id)
    else:
        endpoints = [ENDPOINT.load(msgspec.json.encode(each)) for each in kept[ENDPOINT.one]]
    return Site(application_id, name, settings, endpoints)


async def version_named(session: Session, application_id: str, wanted: str) -> ExperienceVersion:
    """Return a version by its id or name; raises Missing."""
    if is_id(wanted):
        return await session.resources.get(VERSION, application_id, wanted.lower())
    named = Listing(sort_field="id", within={"name": wanted}, limit=1)
    found: Page[ExperienceVersion] = await session.resources.page(VERSION, application_id, named)
    if not found.items:
        raise Missing(f"{VERSION.title} was not found")
    return found.items[0]


async def everything(session: Session, kind: Kind[Any], application_id: str) -> Sequence[Any]:
    """Return all resources of a quiet kind."""
    listing = Listing(sort_field="id", limit=EVERYTHING)
    return (await session.resources.page(kind, application_id, listing)).items


async def _seen_in(session: Session, application_id: str, version: str) -> dict[str, list[Any]]:
    """Return views and endpoints of a version, by kind: of the develop one as they are now."""
    if version != DEVELOP:
        return (await version_named(session, application_id, version)).snapshot or {}
    return {
        kind.one: [
            msgspec.json.decode(kind.shown(each))
            for each in await everything(session, kind, application_id)
        ]
        for kind in (VIEW, ENDPOINT)
    }


def _own(given: Mapping[str, list[Any]], application_id: str) -> dict[str, list[Any]]:
    """Return a picture from outside as one of an application; raises Invalid."""
    return {
        kind.one: [_entry(kind, each, application_id) for each in given[kind.one]]
        for kind in (VIEW, ENDPOINT)
        if kind.one in given
    }


def _entry(kind: Kind[Any], given: Any, application_id: str) -> Any:
    try:
        loaded = kind.load(msgspec.json.encode(given))
        own = structs.replace(loaded, application_id=application_id)
        if kind.check is not None:
            kind.check(own)
    except (msgspec.ValidationError, Invalid) as error:
        message = f"The snapshot has no {kind.title.lower()} such as that: {error}"
        raise Invalid(message, field="snapshot") from error
    return msgspec.json.decode(kind.shown(own))


async def _show(
    session: Session, kind: Kind[Any], application_id: str, resource_id: str, version: str
) -> None:
    current = await session.resources.lock(kind, application_id, resource_id)
    await session.resources.put(kind, structs.replace(current, version=version))
