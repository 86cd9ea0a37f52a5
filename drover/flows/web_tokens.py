"""JSON Web Tokens as workflows make, read and check them."""

from __future__ import annotations

import base64
import binascii
import warnings
from typing import TYPE_CHECKING, Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drover.flows.settings import Settings

LONGEST: Final = 65_536
"""Characters of a token that is read."""

_SIGNERS: Final[dict[str, Any]] = {"HS": OctKey, "RS": RSAKey, "PS": RSAKey, "ES": ECKey}
ALGORITHMS: Final = tuple(f"{family}{bits}" for family in _SIGNERS for bits in (256, 384, 512))
_PARTS: Final = 3


class BadToken(ValueError):
    """The token is none, is not signed with the key, or its time is over."""


def key_of(settings: Settings) -> Callable[[Any], str]:
    """Return what renders the key; one named by a credential throws, since it cannot be had."""
    secret = settings.template("secretTemplate")
    credential = settings.template("credentialNameTemplate")

    def render(payload: Any) -> str:
        if credential(payload):
            raise Thrown("NotImplemented", "Tokens cannot be signed by a credential yet")
        return secret(payload)

    return render


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], secret: str) -> str:
    """Return a token; ``header`` names its algorithm. Raises Thrown."""
    algorithm = str(header["alg"])
    try:
        return jwt.encode(dict(header), dict(claims), _key(algorithm, secret), [algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise Thrown("Validation", f"The token cannot be made: {error}") from error


def checked(token: str, secret: str, now_ms: int, *, algorithm: str, issuer: str) -> dict[str, Any]:
    """Return the claims of a token that is signed with the key and valid now; raises BadToken.

    Without ``algorithm`` the token's own counts, where it is of the key's kind.
    """
    header, claims, _ = taken_apart(token)
    named = str(header.get("alg", ""))
    wanted = algorithm or (named if _suits(named, secret) else "")
    if named != wanted or wanted not in ALGORITHMS:
        raise BadToken("The token's algorithm is not allowed")
    try:
        jwt.decode(token, _key(wanted, secret), [wanted])
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken("The signature is not valid") from error
    _check_times(claims, now_ms // 1000)
    if issuer and claims.get("iss") != issuer:
        raise BadToken("The issuer is another one")
    return claims


def taken_apart(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return header, claims and signature of a token, unchecked; raises BadToken."""
    parts = token.strip().split(".")
    if len(parts) != _PARTS or len(token) > LONGEST:
        raise BadToken("The text is not a token")
    return _object(parts[0]), _object(parts[1]), parts[2]


def _object(text: str) -> dict[str, Any]:
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(decoded, type=dict[str, Any])
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise BadToken("The text is not a token") from error


def _check_times(claims: Mapping[str, Any], now_s: int) -> None:
    ends, begins = claims.get("exp"), claims.get("nbf")
    if isinstance(ends, (int, float)) and ends <= now_s:
        raise BadToken("The token has expired")
    if isinstance(begins, (int, float)) and begins > now_s:
        raise BadToken("The token is not valid yet")


def _suits(algorithm: str, secret: str) -> bool:
    """Tell whether a key can be of an algorithm: a public key never is a shared secret."""
    return algorithm.startswith("HS") != ("-----BEGIN" in secret)


def _key(algorithm: str, secret: str) -> Any:
    if algorithm not in ALGORITHMS:
        raise Thrown("Validation", f"'{algorithm[:20]}' is not an algorithm")
    if not secret:
        raise Thrown("Validation", "Secret is required")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # whose secret it is decides its length
        try:
            return _SIGNERS[algorithm[:2]].import_key(secret)
        except (JoseError, ValueError, TypeError) as error:
            raise Thrown("Validation", "The key cannot be read") from error
