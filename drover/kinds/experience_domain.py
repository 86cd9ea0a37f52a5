"""A domain of its owner's at which an application's interface answers."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, structs

from drover.model.fields import Access, Clearable, Mark, Name
from drover.model.kind import Kind
from drover.model.resource import Resource

_Pem = Annotated[str, Meta(min_length=50, max_length=32767)]


class ExperienceDomain(Resource, frozen=True, kw_only=True):
    """A domain that no other application has; its key is never shown."""

    domain_name: Annotated[
        str, Meta(min_length=3, max_length=45, pattern=r"^(\*\.)?[0-9A-Za-z][0-9A-Za-z.-]*\Z")
    ]
    ssl_key: Annotated[_Pem | UnsetType, Access.WRITE_ONLY, Mark.CLEARABLE] = UNSET
    ssl_cert: Clearable[_Pem | UnsetType] = UNSET
    ssl_bundle: Clearable[_Pem | UnsetType] = UNSET
    version: Clearable[Name | UnsetType | None] = UNSET


def settle(_old: ExperienceDomain | None, new: ExperienceDomain) -> ExperienceDomain:
    """Return the domain with its name in lower case: names of domains know no other.

    One that is told to show no version has none.
    """
    return structs.replace(new, domain_name=new.domain_name.lower(), version=new.version or UNSET)


KIND = Kind(
    ExperienceDomain,
    one="experienceDomain",
    many="experienceDomains",
    path="experience/domains",
    sortable=("domainName", "id", "creationDate", "lastUpdated"),
    filterable=("domainName",),
    default_sort="domainName",
    cli_may=frozenset({"list"}),
    exported_as="ExperienceDomain",
    bundled_in="experience/domains.yaml",
    known_by=("domainName",),
    bundled_once=True,
    bundled_after=("experienceVersion",),
    label="Experience domain",
    counted_as="experienceDomainCount",
    named_by="domain_name",
    settle=settle,
)
