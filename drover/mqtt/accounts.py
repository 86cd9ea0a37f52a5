"""Who is who on the broker: keys, and the signed claims by which it knows accounts and users.

The broker runs in operator mode. Every key is derived from one secret, so that servers that share
the secret agree on all of them and nothing but the secret is kept.

Accounts: ``system`` (the broker's own events), ``callout`` (who decides on those that connect),
``platform`` (state of all devices on its way into the store), and one for each application.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import nkeys

from drover.mqtt.subjects import subjects_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

C = TypeVar("C")

SYSTEM: Final = "system"
CALLOUT: Final = "callout"
PLATFORM: Final = "platform"
OWN_ACCOUNTS: Final = frozenset({SYSTEM, CALLOUT, PLATFORM})
SENTINEL: Final = "sentinel"

STATE_SUBJECT: Final = "state.{application}.losant.*.state"
"""Where state of the devices of an application arrives in the platform account."""

SAID_SUBJECT: Final = "said.{application}.{subject}"
"""Where messages on free topics that workflows wait for arrive in the platform account."""

_HEADER: Final = b'{"typ":"JWT","alg":"ed25519-nkey"}'
_EVERYTHING: Final = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}
MOST_CONSUMERS: Final = 1_000_000
"""Of an account: one for each topic that a device listens to at QoS 1.

Without a limit of the account brokers from 2.15 on allow a stream 1,000 and end connections beyond.
"""

_STREAMS: Final = {
    "mem_storage": -1,
    "disk_storage": -1,
    "streams": -1,
    "consumer": MOST_CONSUMERS,
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair of the broker."""

    public: str
    pair: nkeys.KeyPair


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects that a user may use; ``deny`` wins over ``allow``."""

    publish: Sequence[str]
    subscribe: Sequence[str]
    no_publish: Sequence[str] = ()
    no_subscribe: Sequence[str] = ()


class Keyring:
    """All keys of an installation, made from its secret.

    With ``tells_reporters`` the broker tells of each report who published it: that costs it time.
    """

    def __init__(self, secret: bytes, *, tells_reporters: bool = False) -> None:
        self._secret = secret
        self.tells_reporters = tells_reporters
        self._account = lru_cache(maxsize=10_000)(self._new_account)
        self.operator = self._key("operator", nkeys.PREFIX_BYTE_OPERATOR)

    def account(self, name: str) -> Key:
        """Return the key of an account: one of the server's own, or an application's by its id."""
        return self._account(name)

    def user(self, account: str) -> Key:
        """Return the key of the server's own user in an account."""
        return self._key(f"user {account}", nkeys.PREFIX_BYTE_USER)

    def user_claims(self, account: str, rights: Rights | None = None) -> str:
        """Return what the server's own user of an account signs in with."""
        return self.signed_user(account, self.user(account).public, "drover", rights)

    def signed_user(
        self, account: str, public: str, name: str, rights: Rights | None = None, **more: Any
    ) -> str:
        """Return the claims of a user of an account; without rights it may do everything there."""
        of = self.account(account)
        permissions: dict[str, Any] = {}
        if rights is not None:
            permissions = {
                "pub": _lists(rights.publish, rights.no_publish),
                "sub": _lists(rights.subscribe, rights.no_subscribe),
            }
        nats = {
            "type": "user",
            "version": 2,
            "subs": -1,
            "data": -1,
            "payload": -1,
            **permissions,
            **more,
        }
        return signed(of, {"sub": public, "aud": of.public, "name": name, "nats": nats})

    def operator_claims(self) -> str:
        """Return what the broker knows the installation by."""
        nats = {
            "type": "operator",
            "version": 2,
            "system_account": self.account(SYSTEM).public,
        }
        return signed(self.operator, {"sub": self.operator.public, "name": "drover", "nats": nats})

    def own_accounts(self) -> Mapping[str, str]:
        """Return the claims of the server's own accounts by their public keys."""
        callout = {
            "authorization": {
                "auth_users": [self.user(CALLOUT).public],
                "allowed_accounts": ["*"],
            }
        }
        claims = {
            SYSTEM: self._account_claims(SYSTEM, {}),
            CALLOUT: self._account_claims(CALLOUT, callout),
            PLATFORM: self.platform_claims(),
        }
        return {self.account(name).public: each for name, each in claims.items()}

    def platform_claims(self) -> str:
        """Return the claims of the account that takes what devices say."""
        arrivals = {
            "state": STATE_SUBJECT.format(application="*"),
            "said": SAID_SUBJECT.format(application="*", subject=">"),
        }
        exports = [
            {"name": name, "type": "service", "subject": subject}
            for name, subject in arrivals.items()
        ]
        return self._account_claims(PLATFORM, {"exports": exports}, streams=True)

    def application_claims(self, application_id: str, roots: Collection[str] = ()) -> str:
        """Return the claims of an application's account: its devices' state is taken from it.

        So are messages on topics that begin with ``roots``, with who published them.
        """
        arrival = STATE_SUBJECT.format(application=application_id)
        state = self._taken("state", arrival, "losant.*.state", share=self.tells_reporters)
        said = [
            self._taken(
                subject, SAID_SUBJECT.format(application=application_id, subject=subject), subject
            )
            for root in sorted(roots)
            for subject in subjects_of(f"{root}/#")
        ]
        return self._account_claims(application_id, {"imports": [state, *said]}, streams=True)

    def _taken(
        self, name: str, arrival: str, subject: str, *, share: bool = True
    ) -> dict[str, Any]:
        """Return what takes messages from an application, with who said them where it is shared."""
        return {
            "name": name,
            "type": "service",
            "account": self.account(PLATFORM).public,
            "subject": arrival,
            "local_subject": subject,
            **({"share": True} if share else {}),
        }

    def farewell_claims(self, application_id: str) -> str:
        """Return the order by which the broker forgets an application's account."""
        public = self.account(application_id).public
        nats = {"type": "generic", "version": 2, "accounts": [public]}
        return signed(self.operator, {"sub": self.operator.public, "name": "delete", "nats": nats})

    def sentinel_claims(self) -> str:
        """Return what devices are taken for until the callout has looked at them."""
        nothing = Rights([], [], [">"], [">"])
        key = self._key("user sentinel", nkeys.PREFIX_BYTE_USER)
        return self.signed_user(CALLOUT, key.public, SENTINEL, nothing, bearer_token=True)

    def _account_claims(self, name: str, more: Mapping[str, Any], *, streams: bool = False) -> str:
        limits = {**_EVERYTHING, **(_STREAMS if streams else {})}
        nats = {"type": "account", "version": 2, "limits": limits, **more}
        key = self.account(name)
        return signed(self.operator, {"sub": key.public, "name": name, "nats": nats})

    def _new_account(self, name: str) -> Key:
        return self._key(f"account {name}", nkeys.PREFIX_BYTE_ACCOUNT)

    def _key(self, label: str, prefix: int) -> Key:
        raw = hmac.new(self._secret, label.encode(), hashlib.sha256).digest()
        pair = nkeys.from_seed(nkeys.encode_seed(raw, prefix))
        return Key(pair.public_key.decode(), pair)


def signed(by: Key, claims: Mapping[str, Any], now_s: int = 0) -> str:
    """Return claims as a token signed by a key; it has no number of its own, which nobody reads."""
    body = {**claims, "iss": by.public, "iat": now_s}
    message = _ENCODED_HEADER + b"." + _encoded(msgspec.json.encode(body))
    return (message + b"." + _encoded(by.pair.sign(message))).decode()


def _lists(allow: Sequence[str], deny: Sequence[str]) -> dict[str, Sequence[str]]:
    return {"allow": allow, "deny": deny} if deny else {"allow": allow}


def unverified(token: bytes, claims: type[C]) -> C:
    """Return the claims of a token that came over a connection that is trusted.

    Raises ValueError and MsgspecError where there are none such.
    """
    part = token.split(b".", 2)[1]
    body = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    return msgspec.json.decode(body, type=claims)


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_ENCODED_HEADER: Final = _encoded(_HEADER)
