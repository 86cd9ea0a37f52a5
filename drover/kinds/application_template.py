"""An application template: the bundle of an application, kept to be brought into others."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import (
    Access,
    CreateOnly,
    Id,
    Ids,
    Key,
    Mark,
    Name,
    ReadOnly,
    ShortProse,
    Url,
)
from drover.model.kind import Kind
from drover.model.resource import Resource
from drover.model.template_categories import check_categories

EVERYWHERE: Final = "0" * 24
"""What templates are kept under: they belong to an owner, and to no application."""

_SCHEMES: Final = ("https://", "http://")


class ApplicationTemplate(Resource, frozen=True, kw_only=True):
    """What is told of a template; its bundle is an object of its own.

    ``application_id`` is the application that a new one is made from. The four that include say
    what of it is in there beside its definitions.
    """

    application_id: Annotated[
        Id, Access.WRITE_ONLY, Access.CREATE_ONLY, Mark.REQUIRED, Mark.IDS
    ] = EVERYWHERE
    name: Name
    description: ShortProse | UnsetType = UNSET
    readme: Annotated[str, Meta(max_length=131_072)] | UnsetType = UNSET
    keywords: Annotated[tuple[Key, ...], Meta(max_length=100)] = ()
    category_ids: Ids = ()
    public: bool = False
    author_name: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    author_url: Url | UnsetType = UNSET
    image_url: Url | UnsetType = UNSET
    include_devices: CreateOnly[bool] = False
    include_data_table_rows: CreateOnly[bool] = False
    include_files: CreateOnly[bool] = False
    include_private_files: CreateOnly[bool] = False
    owner_id: ReadOnly[Id | UnsetType] = UNSET
    owner_type: ReadOnly[Literal["user", "organization"] | UnsetType] = UNSET
    summary: ReadOnly[dict[str, int] | UnsetType] = UNSET


def check(template: ApplicationTemplate) -> None:
    """Raise Invalid for unknown categories, and for addresses that are no web pages."""
    check_categories(template.category_ids)
    for name, url in (("authorUrl", template.author_url), ("imageUrl", template.image_url)):
        if url and not url.lower().startswith(_SCHEMES):
            raise Invalid(f"An address of the web is needed at `{name}`", field=name)


KIND = Kind(
    ApplicationTemplate,
    one="applicationTemplate",
    many="applicationTemplates",
    path="",
    filterable=("name", "authorName"),
    searchable=False,
    alias="templateId",
    type_name="applicationTemplate",
    label="Application template",
    check=check,
)
