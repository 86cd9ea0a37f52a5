"""JSON Web Tokens as workflows make, read and check them."""

from __future__ import annotations

import base64
import binascii
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from drover.flows.actions import Action, Ask, Each
from drover.flows.answers import throw_error
from drover.flows.visit import Thrown, Visit

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


@dataclass(frozen=True, slots=True)
class Signing:
    """What tokens are signed and checked with; an empty algorithm or issuer is none."""

    secret: str
    algorithm: str = ""
    issuer: str = ""


def signing(settings: Settings, act: Callable[[Visit, Signing], int]) -> Action:
    """Compile a node that signs or checks: by what its config says, or by a credential.

    What the config says counts before what the credential says.
    """
    texts = [settings.template(f"{name}Template") for name in ("secret", "algorithm", "issuer")]

    def given(payload: Any) -> Signing:
        secret, algorithm, issuer = (render(payload) for render in texts)
        return Signing(secret, algorithm.strip(), issuer)

    if not settings.holds("credentialNameTemplate"):
        return Each(lambda visit: act(visit, given(visit.payload)))
    name = settings.template("credentialNameTemplate", required=True)

    def settle(visit: Visit, answer: Mapping[str, Any]) -> int:
        throw_error(answer)
        kept, own = answer["result"], given(visit.payload)
        algorithm = own.algorithm or kept.get("algorithm", "")
        return act(visit, Signing(kept["secret"], algorithm, own.issuer or kept.get("issuer", "")))

    return Ask("credential.key", lambda visit: {"name": name(visit.payload)}, settle)


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
    if _seconds(claims, "exp", now_s + 1) <= now_s:
        raise BadToken("The token has expired")
    if _seconds(claims, "nbf", now_s) > now_s:
        raise BadToken("The token is not valid yet")


def _seconds(claims: Mapping[str, Any], name: str, absent: float) -> float:
    """Return the time that a claim tells: one that cannot be read does not count as absent."""
    told = claims.get(name, absent)
    if not isinstance(told, (int, float)) or isinstance(told, bool):
        raise BadToken(f"The token's {name} is not a time")
    return told


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
