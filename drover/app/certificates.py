"""Certificates that workflows make: of an authority whose key they have, or self-signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from msgspec import Struct

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_DAYS: Final = 36_500
LONGEST_NAME: Final = 64
"""Characters of a common name, as X.509 has it."""

_KEYS: Final[Mapping[str, Callable[[], Any]]] = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2048),
}


class CertificateWish(Struct, frozen=True, kw_only=True):
    """What is to be certified, for how long, by whom: PEM texts, or nothing for by itself."""

    name: str
    organization: str = ""
    key_type: str = "ec"
    days: int = 365
    is_authority: bool = False
    ca_certificate: str = ""
    ca_key: str = ""


def issued(wish: CertificateWish) -> dict[str, str]:
    """Return a new certificate and its keys in PEM; raises Invalid."""
    make = _KEYS.get(wish.key_type)
    if make is None:
        raise Invalid(f"Key type must be one of {', '.join(_KEYS)}")
    if not 1 <= wish.days <= MOST_DAYS:
        raise Invalid(f"Days must be from 1 to {MOST_DAYS}")
    private = make()
    issuer, signer = _signer(wish, private)
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(wish))
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=wish.days))
        .add_extension(x509.BasicConstraints(ca=wish.is_authority, path_length=None), critical=True)
    )
    certificate = builder.sign(signer, hashes.SHA256())
    return {
        "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "privateKey": _private_pem(private),
        "publicKey": _public_pem(private.public_key()),
    }


def _subject(wish: CertificateWish) -> x509.Name:
    if not 1 <= len(wish.name) <= LONGEST_NAME or len(wish.organization) > LONGEST_NAME:
        raise Invalid(f"Names of a certificate have 1 to {LONGEST_NAME} characters")
    names = [x509.NameAttribute(NameOID.COMMON_NAME, wish.name)]
    if wish.organization:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wish.organization))
    return x509.Name(names)


def _signer(wish: CertificateWish, own: Any) -> tuple[x509.Name, Any]:
    """Return who signs, and the key; raises Invalid where they do not belong together."""
    if not wish.ca_certificate and not wish.ca_key:
        return _subject(wish), own
    try:
        authority = x509.load_pem_x509_certificate(wish.ca_certificate.encode())
        key = serialization.load_pem_private_key(wish.ca_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Invalid("The authority's certificate and key must be given in PEM") from error
    if _public_pem(authority.public_key()) != _public_pem(key.public_key()):
        raise Invalid("The key is not that of the authority's certificate")
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Invalid("The authority's key must be one of RSA or of an elliptic curve")
    return authority.subject, key


def _private_pem(key: Any) -> str:
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode()


def _public_pem(key: Any) -> str:
    pem: bytes = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode()
