"""Pages of an application's own interface, put together of its views in one version."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.app.experience_site import DEVELOP, everything, version_named
from drover.flows.language import LanguageError, PageContext, RenderLimit, render_page
from drover.kinds.experience_view import KIND as VIEW
from drover.model.errors import Invalid, Missing, Unavailable, reached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.kinds.experience_view import ExperienceView
    from drover.ports.store import Session, Store

AT_ONCE: Final = 2
"""Pages that are put together at the same time, in threads beside the loop."""

MOST_WAITING: Final = 64
HTML: Final = "text/html; charset=utf-8"


class Wanted(NamedTuple):
    """A page by its id or name; a layout in place of the page's own, "" for that."""

    page: str
    version: str = DEVELOP
    layout: str = ""


class Rendered(NamedTuple):
    """A page as it is sent."""

    text: str
    media_type: str


class ExperiencePages:
    """Renders pages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def render(
        self, application_id: str, wanted: Wanted, context: Mapping[str, Any]
    ) -> Rendered:
        """Return a page; raises Missing, Invalid for templates that are none, Unavailable."""
        views = await self._store.read(
            lambda session: views_of(session, application_id, wanted.version)
        )
        page = _view(views, "page", wanted.page)
        layout_id = wanted.layout or page.layout_id or ""
        layout = _view(views, "layout", layout_id).body if layout_id else None
        components = {each.name: each.body for each in views if each.view_type == "component"}
        text = await self._rendered(page.body, layout, PageContext(context, components))
        kind = page.headers.content_type if page.headers else ""
        return Rendered(text, kind if kind and kind.isascii() and kind.isprintable() else HTML)

    async def _rendered(self, page: str, layout: str | None, context: PageContext) -> str:
        if self._waiting >= MOST_WAITING:
            raise reached("pages_at_once", Unavailable("Too many pages are rendered; try again"))
        self._waiting += 1
        try:
            async with self._gate:
                return await asyncio.to_thread(render_page, page, layout, context)
        except (LanguageError, RenderLimit, RecursionError) as error:
            raise Invalid(f"The page cannot be rendered: {error}") from error
        finally:
            self._waiting -= 1


async def views_of(session: Session, application_id: str, version: str) -> Sequence[ExperienceView]:
    """Return the views of a version by its id or name; raises Missing."""
    if version == DEVELOP:
        found: Sequence[ExperienceView] = await everything(session, VIEW, application_id)
        return found
    kept = (await version_named(session, application_id, version)).snapshot or {}
    return [VIEW.load(msgspec.json.encode(each)) for each in kept.get(VIEW.one, [])]


def _view(views: Sequence[ExperienceView], kind: str, named: str) -> ExperienceView:
    for each in views:
        if each.view_type == kind and named in (each.id, each.name):
            return each
    raise Missing(f"There is no {kind} {named[:100]}")
