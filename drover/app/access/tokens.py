"""API tokens of users and organisations; those of applications are a kind, see ``issue``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import Struct, structs

from drover.app.access.organizations import member_role
from drover.app.access.secrets import API_PREFIX, digest, new_secret
from drover.model.access import Caller, MemberRole, RoleLimit
from drover.model.accounts import Status, Token, TokenOwner
from drover.model.errors import Forbidden, Invalid, TooMany
from drover.model.scopes import check_handed_on, requested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

MOST_TOKENS: Final = 1_000
"""API tokens of one owner."""

_log = structlog.get_logger("drover.access")


class NewToken(Struct, frozen=True, kw_only=True):
    """What a token is made from; scopes and end can never change later."""

    name: str
    description: str | None = None
    expires_ms: int | None = None
    scopes: Sequence[str] | None = None
    status: Status = "active"
    role_limit: RoleLimit = RoleLimit()


class ApiTokens:
    """The use cases around API tokens; ``owner`` is the type and the id of whose they are."""

    def __init__(self, store: Store, ids: Ids, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def create(
        self, caller: Caller, owner: tuple[TokenOwner, str], new: NewToken
    ) -> tuple[Token, str]:
        """Make a token and return it with its text, which is nowhere else.

        Raises Invalid, TooMany, and Forbidden when it could do more than its maker.
        """
        now_ms = self._clock.now_ms()
        if new.expires_ms is not None and new.expires_ms <= now_ms:
            raise Invalid("expirationDate must be in the future", field="expirationDate")
        text = new_secret(self._ids, API_PREFIX)
        token = _token(caller, owner, new, (self._ids.new(), digest(text), now_ms))
        check_handed_on(caller.scopes, token.scopes)

        async def work(session: Session) -> None:
            await _check_owner(session, caller, owner, changes=True)
            tokens = session.access.tokens
            if len(await tokens.of_owner(*owner)) >= MOST_TOKENS:
                raise TooMany(f"There can be {MOST_TOKENS} API tokens here")
            await tokens.add(token)

        await self._store.write(work)
        _log.info("access.token_created", token_id=token.id, owner=owner, by=caller.id)
        return token, text

    async def all(self, caller: Caller, owner: tuple[TokenOwner, str]) -> Sequence[Token]:
        """Return an owner's tokens, oldest first; raises Missing, Forbidden."""

        async def work(session: Session) -> Sequence[Token]:
            await _check_owner(session, caller, owner, changes=False)
            return await session.access.tokens.of_owner(*owner)

        return await self._store.read(work)

    async def get(self, caller: Caller, owner: tuple[TokenOwner, str], token_id: str) -> Token:
        """Return one; raises Missing, Forbidden."""

        async def work(session: Session) -> Token:
            await _check_owner(session, caller, owner, changes=False)
            return await session.access.tokens.get(*owner, token_id)

        return await self._store.read(work)

    async def change(
        self,
        caller: Caller,
        owner: tuple[TokenOwner, str],
        token_id: str,
        changes: Mapping[str, Any],
    ) -> Token:
        """Change the name, description, status or roles of one; raises Missing, Forbidden."""
        now_ms = self._clock.now_ms()

        async def work(session: Session) -> Token:
            await session.access.raise_revision()
            await _check_owner(session, caller, owner, changes=True)
            token = await session.access.tokens.get(*owner, token_id)
            check_handed_on(caller.scopes, token.scopes if changes.get("status") else ())
            changed = structs.replace(token, **_limited(token, changes), updated_ms=now_ms)
            await session.access.tokens.put(changed)
            return changed

        changed = await self._store.write(work)
        _log.info("access.token_changed", token_id=token_id, by=caller.id, fields=sorted(changes))
        return changed

    async def delete(self, caller: Caller, owner: tuple[TokenOwner, str], token_id: str) -> None:
        """Revoke one for good; raises Missing, Forbidden."""

        async def work(session: Session) -> None:
            await session.access.raise_revision()
            await _check_owner(session, caller, owner, changes=True)
            await session.access.tokens.get(*owner, token_id)
            await session.access.tokens.remove(*owner, token_id)

        await self._store.write(work)
        _log.info("access.token_deleted", token_id=token_id, owner=owner, by=caller.id)


def _token(
    caller: Caller, owner: tuple[TokenOwner, str], new: NewToken, identity: tuple[str, str, int]
) -> Token:
    owner_type, owner_id = owner
    token_id, kept, now_ms = identity
    return Token(
        id=token_id,
        digest=kept,
        kind="api",
        owner_type=owner_type,
        owner_id=owner_id,
        scopes=tuple(sorted(requested(new.scopes, owner_type))),
        created_ms=now_ms,
        updated_ms=now_ms,
        name=new.name,
        description=new.description,
        status=new.status,
        role_limit=new.role_limit,
        expires_ms=new.expires_ms,
        account_id=owner_id if owner_type == "user" else None,
        creator_type=caller.type if caller.type in ("user", "apiToken", "flow") else "user",
        creator_id=caller.id,
        creator_name=caller.email,
    )


def _limited(token: Token, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes with those of the roles as changes of the limit."""
    names = RoleLimit.__struct_fields__
    roles = {name: value for name, value in changes.items() if name in names}
    rest = {name: value for name, value in changes.items() if name not in names}
    return {**rest, "role_limit": structs.replace(token.role_limit, **roles)}


async def _check_owner(
    session: Session, caller: Caller, owner: tuple[TokenOwner, str], *, changes: bool
) -> None:
    """Raise unless the caller may look at, or change, an owner's tokens; users reach their own."""
    if owner[0] != "organization":
        return
    role = await member_role(session, caller, owner[1])
    if role is not MemberRole.ADMIN and (changes or role is MemberRole.NONE):
        raise Forbidden("Only an administrator of the organization may do this")
