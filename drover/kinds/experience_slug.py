"""A name below the server's own domain at which an application's interface answers."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, structs

from drover.model.fields import Clearable, Name
from drover.model.kind import Kind
from drover.model.resource import Resource


class ExperienceSlug(Resource, frozen=True, kw_only=True):
    """A name that no other application has; it shows one version, or none."""

    slug: Annotated[str, Meta(min_length=3, max_length=63, pattern=r"^[0-9a-z-]*\Z")]
    version: Clearable[Name | UnsetType | None] = UNSET


def settle(_old: ExperienceSlug | None, new: ExperienceSlug) -> ExperienceSlug:
    """Return the slug; one that is told to show no version has none."""
    return new if new.version else structs.replace(new, version=UNSET)


KIND = Kind(
    ExperienceSlug,
    one="experienceSlug",
    many="experienceSlugs",
    path="experience/slugs",
    sortable=("slug", "id", "creationDate", "lastUpdated"),
    filterable=("slug",),
    default_sort="slug",
    cli_may=frozenset({"list"}),
    exported_as="ExperienceSlug",
    bundled_in="experience/slugs.yaml",
    known_by=("slug",),
    bundled_once=True,
    bundled_after=("experienceVersion",),
    label="Experience slug",
    counted_as="experienceSlugCount",
    named_by="slug",
    settle=settle,
)
