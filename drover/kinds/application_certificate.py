"""A certificate that devices sign in with."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, structs

from drover.model.certificate import CertificateInfo, Pem, read_certificates
from drover.model.errors import Invalid
from drover.model.fields import Access, CreateOnly, Ids, Mark, Prose, ReadOnly, TagFilters
from drover.model.kind import Kind
from drover.model.resource import Resource

Topics = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=1024)], ...], Meta(max_length=1000)
]


class ApplicationCertificate(Resource, frozen=True, kw_only=True):
    """A certificate that devices sign in with; what it says is read from it."""

    status: Literal["active", "inactive"] = "active"
    description: Prose | UnsetType = UNSET
    device_ids: CreateOnly[Ids | UnsetType] = UNSET
    device_tags: CreateOnly[TagFilters | UnsetType] = UNSET
    certificate: Annotated[Pem | UnsetType, Access.WRITE_ONLY, Mark.REQUIRED] = UNSET
    certificate_info: ReadOnly[CertificateInfo | UnsetType] = UNSET
    filter_type: Literal["all", "whitelist", "blacklist", "none"] = "all"
    pub_topics: Topics | UnsetType = UNSET
    sub_topics: Topics | UnsetType = UNSET

    @property
    def common_name(self) -> str:
        """The name of whom the certificate is for."""
        return self.certificate_info.common_name if self.certificate_info else ""


def settle(
    old: ApplicationCertificate | None, new: ApplicationCertificate
) -> ApplicationCertificate:
    """Return the certificate with what it says; raises Invalid."""
    if new.certificate is UNSET or (old is not None and old.certificate == new.certificate):
        return new
    found = read_certificates(new.certificate, "certificate")
    if len(found) != 1:
        raise Invalid("Expected one certificate at `certificate`", field="certificate")
    return structs.replace(new, certificate_info=found[0])


KIND = Kind(
    ApplicationCertificate,
    one="applicationCertificate",
    many="applicationCertificates",
    path="certificates",
    sortable=("certificateInfo.commonName", "status", "id", "creationDate", "lastUpdated"),
    filterable=("certificateInfo.commonName", "status"),
    default_sort="certificateInfo.commonName",
    searchable=False,
    label="Application certificate",
    counted_as="certificateCount",
    named_by="common_name",
    settle=settle,
)
