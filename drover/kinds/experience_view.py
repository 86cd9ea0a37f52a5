"""A page of an application's own interface, or the layout or a component of one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from drover.model.errors import Invalid
from drover.model.fields import CreateOnly, Id, Name, Prose, ReadOnly, Refers, TagMap
from drover.model.kind import Kind, Parted
from drover.model.resource import Resource


class ViewHeaders(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headers that a page is answered with."""

    content_type: Name | UnsetType = field(name="content-type", default=UNSET)


class ExperienceView(Resource, frozen=True, kw_only=True):
    """A page, a layout or a component: a Handlebars template."""

    name: Name
    view_type: CreateOnly[Literal["layout", "page", "component"]]
    description: Prose | UnsetType = UNSET
    layout_id: Annotated[Id | UnsetType | None, Refers("experienceView")] = UNSET
    body: Annotated[str, Meta(max_length=131_072)] = ""
    view_tags: TagMap | UnsetType = UNSET
    headers: ViewHeaders | UnsetType = UNSET
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET


def check(view: ExperienceView) -> None:
    """Raise Invalid where something but a page has a layout."""
    if view.layout_id and view.view_type != "page":
        raise Invalid(f"A {view.view_type} has no layout", field="layoutId")


KIND = Kind(
    ExperienceView,
    one="experienceView",
    many="experienceViews",
    path="experience/views",
    sortable=("id", "creationDate", "name", "lastUpdated"),
    cli_may=frozenset({"get", "post", "patch", "delete", "linkedResources"}),
    exported_as="ExperienceView",
    bundled_in="experience/develop/{viewType}s.yaml",
    parted=Parted("viewType", ("component", "layout", "page"), text="body", ending=".hbs"),
    known_by=("viewType", "name"),
    label="Experience view",
    counted_as="experienceViewCount",
    check=check,
)
