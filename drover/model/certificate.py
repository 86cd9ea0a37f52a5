"""What a certificate in PEM says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from msgspec import Meta, Struct

from drover.model.errors import Invalid
from drover.model.instants import to_text

if TYPE_CHECKING:
    from datetime import datetime

Pem = Annotated[str, Meta(min_length=50, max_length=32767)]
MOST_CERTIFICATES = 100


class CertificateInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a certificate says of itself; the fingerprint is its SHA-256."""

    serial_number: str
    fingerprint: str
    common_name: str
    issuer_name: str
    not_valid_before: str
    not_valid_after: str


def read_certificates(pem: str, field: str) -> tuple[CertificateInfo, ...]:
    """Return what each certificate of a text says; raises Invalid naming the field."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        if len(found) > MOST_CERTIFICATES:
            raise Invalid(f"At most {MOST_CERTIFICATES} certificates fit in `{field}`", field=field)
        return tuple(map(_info, found))
    except ValueError as error:
        raise Invalid(f"Expected certificates in PEM at `{field}`", field=field) from error


def _info(certificate: x509.Certificate) -> CertificateInfo:
    return CertificateInfo(
        serial_number=f"{certificate.serial_number:x}",
        fingerprint=certificate.fingerprint(SHA256()).hex(),
        common_name=_common_name(certificate.subject),
        issuer_name=_common_name(certificate.issuer),
        not_valid_before=_text(certificate.not_valid_before_utc),
        not_valid_after=_text(certificate.not_valid_after_utc),
    )


def _common_name(name: x509.Name) -> str:
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value)[:1024] if names else ""


def _text(moment: datetime) -> str:
    return to_text(int(moment.timestamp()) * 1000)
