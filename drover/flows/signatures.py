"""Signatures of data, as workflows make and check them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_KEY: Final = 8_192
"""Characters of a key in PEM."""

HASHES: Final[Mapping[str, Callable[[], hashes.HashAlgorithm]]] = {
    "MD5": hashes.MD5,
    "SHA1": hashes.SHA1,
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
PADDINGS: Final = ("RSA_PKCS1_PADDING", "RSA_PKCS1_PSS_PADDING")
DSA_ENCODINGS: Final = ("der", "ieee-p1363")
ENCODINGS: Final = ("base64", "hex", "latin1")

_MARK: Final = "-----BEGIN "
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"
_BITS: Final = 8


class CannotSign(ValueError):
    """The key, or one of the ways to sign, cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Way:
    """How data is signed: by which digest, and how RSA and elliptic curves write it down."""

    algorithm: str = "SHA256"
    padding: str = PADDINGS[0]
    dsa_encoding: str = DSA_ENCODINGS[0]


def sign(key: str, data: bytes, way: Way) -> bytes:
    """Return the signature of data by a private key in PEM; raises CannotSign."""
    digest = _digest(way)
    try:
        private = serialization.load_pem_private_key(_pem(key), password=None)
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(data, _padding(way), digest)
        if isinstance(private, ec.EllipticCurvePrivateKey):
            der = private.sign(data, ec.ECDSA(digest))
            return _flat(der, private.key_size) if way.dsa_encoding == "ieee-p1363" else der
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CannotSign(_why(error)) from error
    raise CannotSign("The key must be one of RSA or of an elliptic curve")


def is_signed(key: str, data: bytes, signature: bytes, way: Way) -> bool:
    """Tell whether a signature is of data, by a public key, a certificate or a private key in PEM.

    Raises CannotSign.
    """
    digest, public = _digest(way), _public(key)
    try:
        if isinstance(public, rsa.RSAPublicKey):
            # Who signed chose the length of a salt, and the signature tells it.
            public.verify(signature, data, _padding(way, padding.PSS.AUTO), digest)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            curved = way.dsa_encoding == "ieee-p1363"
            der = _der(signature, public.key_size) if curved else signature
            public.verify(der, data, ec.ECDSA(digest))
        else:
            raise CannotSign("The key must be one of RSA or of an elliptic curve")
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm as error:
        raise CannotSign(_why(error)) from error
    return True


def shown(signature: bytes, encoding: str) -> str:
    """Return a signature as text; raises CannotSign for an unknown encoding."""
    if encoding == "hex":
        return signature.hex()
    if encoding == "latin1":
        return signature.decode("latin-1")
    if encoding == "base64":
        return base64.b64encode(signature).decode()
    raise CannotSign(f"Signature encoding must be one of {', '.join(ENCODINGS)}")


def read(text: str, encoding: str) -> bytes:
    """Return the signature that a text shows; empty for a text that is none.

    Raises CannotSign for an unknown encoding.
    """
    try:
        if encoding == "hex":
            return binascii.unhexlify(text.strip())
        if encoding == "latin1":
            return text.encode("latin-1")
        if encoding == "base64":
            return base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return b""
    raise CannotSign(f"Signature encoding must be one of {', '.join(ENCODINGS)}")


def _public(key: str) -> Any:
    pem = _pem(key)
    try:
        if _CERTIFICATE in key:
            return x509.load_pem_x509_certificate(pem).public_key()
        if "PRIVATE KEY-----" in key:
            return serialization.load_pem_private_key(pem, password=None).public_key()
        return serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CannotSign(_why(error)) from error


def _pem(key: str) -> bytes:
    if _MARK not in key or len(key) > LONGEST_KEY:
        raise CannotSign("The key must be text in PEM")
    return key.encode("utf-8", "replace")


def _digest(way: Way) -> hashes.HashAlgorithm:
    made = HASHES.get(way.algorithm)
    if made is None:
        raise CannotSign(f"Algorithm must be one of {', '.join(HASHES)}")
    if way.padding not in PADDINGS:
        raise CannotSign(f"Padding must be one of {', '.join(PADDINGS)}")
    if way.dsa_encoding not in DSA_ENCODINGS:
        raise CannotSign(f"DSA encoding must be one of {', '.join(DSA_ENCODINGS)}")
    return made()


def _padding(way: Way, salt_length: Any = padding.PSS.DIGEST_LENGTH) -> padding.AsymmetricPadding:
    if way.padding == PADDINGS[0]:
        return padding.PKCS1v15()
    return padding.PSS(mgf=padding.MGF1(_digest(way)), salt_length=salt_length)


def _flat(der: bytes, bits: int) -> bytes:
    """Return the two numbers of a signature side by side."""
    size = -(-bits // _BITS)
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


def _der(flat: bytes, bits: int) -> bytes:
    size = -(-bits // _BITS)
    if len(flat) != 2 * size:
        raise InvalidSignature
    first, second = (int.from_bytes(half, "big") for half in (flat[:size], flat[size:]))
    return encode_dss_signature(first, second)


def _why(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "The key must not be protected by a password"
    return f"The key cannot be used: {str(error)[:200]}"
