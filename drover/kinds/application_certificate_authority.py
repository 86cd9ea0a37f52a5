"""An authority whose certificates devices may sign in with."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType, structs

from drover.model.certificate import CertificateInfo, Pem, read_certificates
from drover.model.fields import Name, Prose, ReadOnly
from drover.model.kind import Kind
from drover.model.resource import Resource


class ApplicationCertificateAuthority(Resource, frozen=True, kw_only=True):
    """An authority, as its certificates; what they say is read from them."""

    name: Name
    status: Literal["active", "inactive"] = "active"
    description: Prose | UnsetType = UNSET
    ca_bundle: Pem
    ca_info: ReadOnly[tuple[CertificateInfo, ...]] = ()


def settle(
    old: ApplicationCertificateAuthority | None, new: ApplicationCertificateAuthority
) -> ApplicationCertificateAuthority:
    """Return the authority with what its certificates say; raises Invalid."""
    if old is not None and old.ca_bundle == new.ca_bundle:
        return new
    return structs.replace(new, ca_info=read_certificates(new.ca_bundle, "caBundle"))


KIND = Kind(
    ApplicationCertificateAuthority,
    one="applicationCertificateAuthority",
    many="applicationCertificateAuthorities",
    path="certificate-authorities",
    sortable=("name", "status", "id", "creationDate", "lastUpdated"),
    filterable=("name", "status"),
    searchable=False,
    exported_as="ApplicationCertificateAuthority",
    bundled_in="certificateAuthorities.yaml",
    label="Certificate authority",
    counted_as="certificateAuthorityCount",
    settle=settle,
)
