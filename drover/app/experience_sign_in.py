"""Experience users who sign in: by password, or by a token that was made for them before.

A token is a signed text and kept nowhere. It ends by its own time, or where a user's
``token_cutoff`` is later than it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import structs

from drover.app.devices import everything
from drover.flows.visit import Thrown
from drover.flows.web_tokens import BadToken, checked, signed
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.model.errors import AccountLocked, Missing
from drover.model.fields import is_id
from drover.model.instants import to_ms, to_text
from drover.ports.resources import Listing
from drover.query.tree import Compare, Node, Operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.access.throttle import Throttle
    from drover.app.experience import Hasher
    from drover.kinds.experience_user import ExperienceUser
    from drover.ports.clock import Clock
    from drover.ports.store import Session, Store

ALGORITHM: Final = "HS256"
LONGEST_TTL_MS: Final = 100 * 365 * 86_400_000

_MS: Final = 1000


class SignedIn(NamedTuple):
    """Who a token is of, what else it says, and when it ends in ms since 1970, if ever."""

    user: ExperienceUser
    extra: Mapping[str, Any]
    expires_ms: int | None


class ExperienceSignIn:
    """Checks who experience users are, and makes their tokens.

    ``key`` signs the tokens of all applications, each with a key of its own that is made of it.
    """

    def __init__(
        self, store: Store, clock: Clock, hasher: Hasher, throttle: Throttle, key: bytes
    ) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher
        self._throttle = throttle
        self._key = key

    async def find(self, application_id: str, id_or_email: str) -> ExperienceUser:
        """Return the user with an id or address; raises Missing."""
        return await self._store.read(
            lambda session: user_named(session, application_id, id_or_email)
        )

    async def by_password(
        self, application_id: str, email: str, password: str
    ) -> ExperienceUser | None:
        """Return the user whose address and password these are; None where they are not.

        After some failures an address is not looked at for a while. Raises TooMany.
        """
        try:
            user = await self.find(application_id, email) if "@" in email else None
        except Missing:
            user = None
        name = f"{application_id} {email.lower()}"
        try:
            self._throttle.begin(name)
        except AccountLocked:
            return None
        kept = (user.password or None) if user else None
        if not await self._hasher.verify(kept, password):
            return None
        self._throttle.succeed(name)
        return user

    def token(
        self,
        user: ExperienceUser,
        ttl_ms: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a new token of a user; without ``ttl_ms`` it does not end. Raises Thrown."""
        now_ms = self._clock.now_ms()
        claims: dict[str, Any] = {"sub": user.id, "iat": now_ms / _MS}
        if ttl_ms is not None:
            claims["exp"] = (now_ms + min(ttl_ms, LONGEST_TTL_MS)) / _MS
        if extra:
            claims["data"] = dict(extra)
        return signed({"alg": ALGORITHM}, claims, self._secret(user.application_id))

    async def by_token(self, application_id: str, token: str) -> SignedIn | None:
        """Return who holds a token of an application; None for one that is not good now."""
        now_ms, secret = self._clock.now_ms(), self._secret(application_id)
        try:
            claims = checked(token, secret, now_ms, algorithm=ALGORITHM, issuer="")
            user = await self.find(application_id, str(claims["sub"]))
        except (BadToken, Thrown, Missing, KeyError):
            return None
        if user.token_cutoff and round(claims["iat"] * _MS) < to_ms(user.token_cutoff):
            return None
        ends = claims.get("exp")
        return SignedIn(user, claims.get("data") or {}, ends and round(ends * _MS))

    async def note(self, user: ExperienceUser, *, login: bool, cut_off: bool) -> ExperienceUser:
        """Note that a user signed in, or that tokens made before now are good no longer."""
        now = to_text(self._clock.now_ms())

        async def work(session: Session) -> ExperienceUser:
            old = await session.resources.lock(USER, user.application_id, user.id)
            new = structs.replace(
                old,
                last_login=now if login else old.last_login,
                token_cutoff=now if cut_off else old.token_cutoff,
            )
            await session.resources.put(USER, new)
            return new

        return await self._store.write(work) if login or cut_off else user

    def _secret(self, application_id: str) -> str:
        purpose = f"experience users of {application_id}".encode()
        return hmac.new(self._key, purpose, hashlib.sha256).hexdigest()


async def user_named(session: Session, application_id: str, id_or_email: str) -> ExperienceUser:
    """Return the user with an id or address; raises Missing."""
    if is_id(id_or_email):
        return await session.resources.get(USER, application_id, id_or_email.lower())
    listing = Listing(sort_field="id", limit=1, query=with_email(id_or_email))
    found = await session.resources.page(USER, application_id, listing)
    if not found.items:
        raise Missing(f"{USER.title} was not found")
    return found.items[0]


def with_email(email: str) -> Node:
    """Return the tree of the user with an address, whatever its case."""
    return Compare("email", Operator.EQUAL, email.strip().lower())


async def groups_of(session: Session, application_id: str, user_id: str) -> frozenset[str]:
    """Return the ids of the groups that a user is in, those below them counted in."""
    own = everything(Compare("experienceUserId", Operator.EQUAL, user_id))
    found = set(await session.resources.ids(GROUP, application_id, own))
    for group_id in tuple(found):
        below = everything(Compare("ancestorId", Operator.EQUAL, group_id))
        found.update(await session.resources.ids(GROUP, application_id, below))
    return frozenset(found)
