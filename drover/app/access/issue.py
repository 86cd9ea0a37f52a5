"""What goes with access keys and API tokens of an application beyond the usual five operations.

The catalog keeps and shows them like any other kind. Signing in looks into the access tables
instead, which hold the digest of each secret; both change in one unit of work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, structs

from drover.app.access.network import check_addresses
from drover.app.access.secrets import API_PREFIX, digest, new_secret
from drover.app.catalog import QuietHook
from drover.model.access import RoleLimit
from drover.model.accounts import AccessKey, DeviceTag, Token
from drover.model.errors import Invalid, TooMany
from drover.model.instants import to_ms
from drover.model.scopes import check_handed_on, requested

if TYPE_CHECKING:
    from drover.kinds.api_token import ApiToken
    from drover.kinds.application_key import ApplicationKey
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session

MOST_KEYS: Final = 5_000
"""Access keys of one application."""
MOST_TOKENS: Final = 1_000
"""API tokens of one application."""


class IssueAccessKeys(QuietHook):
    """Makes key and secret, and lets devices sign in with them as long as the key is there."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the key with its texts; raises Invalid, TooMany."""
        check_addresses(new.addresses or ())
        if old is not None:
            return new
        if len(await session.access.keys.of_application(new.application_id)) >= MOST_KEYS:
            raise TooMany(f"An application can have {MOST_KEYS} access keys")
        return structs.replace(new, key=self._ids.secret(24), secret=self._ids.secret(48))

    async def after(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Keep the access tables alike; a change counts at once, for signed-in devices too."""
        keys = session.access.keys
        if old is None:
            await keys.put(_access_key(new, digest(new.secret)))
            return
        await session.access.raise_revision()
        if new is None:
            await keys.remove(old.application_id, old.id)
            return
        known = await keys.get(new.application_id, new.id)
        await keys.put(_access_key(new, known.secret_digest))


class IssueApiTokens(QuietHook):
    """Makes the text of API tokens, never wider than their maker, and honours their status."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    async def before(
        self, session: Session, caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> Any:
        """Return the token with its text; raises Invalid, TooMany, Forbidden."""
        check_handed_on(caller.scopes, requested(new.scope, "application"))
        if old is not None:
            return new
        if new.expiration_date and to_ms(new.expiration_date) <= await session.now_ms():
            raise Invalid("expirationDate must be in the future", field="expirationDate")
        owned = await session.access.tokens.of_owner("application", new.application_id)
        if len(owned) >= MOST_TOKENS:
            raise TooMany(f"An application can have {MOST_TOKENS} API tokens")
        return structs.replace(
            new,
            scope=tuple(sorted(requested(new.scope, "application"))),
            token=new_secret(self._ids, API_PREFIX),
            owner_id=new.application_id,
            creator_id=caller.id,
            creator_type=caller.type,
            creator_name=caller.email or UNSET,
        )

    async def after(
        self, session: Session, _caller: Caller, _kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Keep the access tables alike; a revocation counts at once."""
        tokens = session.access.tokens
        if old is None:
            await tokens.add(_token(new, digest(new.token)))
            return
        await session.access.raise_revision()
        if new is None:
            await tokens.remove("application", old.application_id, old.id)
            return
        known = await tokens.get("application", new.application_id, new.id)
        await tokens.put(_token(new, known.digest))


def _access_key(key: ApplicationKey, secret_digest: str) -> AccessKey:
    return AccessKey(
        id=key.id,
        application_id=key.application_id,
        key=key.key,
        secret_digest=secret_digest,
        created_ms=to_ms(key.creation_date),
        status=key.status,
        device_ids=key.device_ids or (),
        device_tags=tuple(
            DeviceTag(key=tag.key or None, value=tag.value or None) for tag in key.device_tags or ()
        ),
        filter_type=key.filter_type,
        pub_topics=key.pub_topics or (),
        sub_topics=key.sub_topics or (),
        address_filter_type=key.address_filter_type,
        addresses=key.addresses or (),
    )


def _token(token: ApiToken, text_digest: str) -> Token:
    return Token(
        id=token.id,
        digest=text_digest,
        kind="api",
        owner_type="application",
        owner_id=token.application_id,
        scopes=token.scope,
        created_ms=to_ms(token.creation_date),
        updated_ms=to_ms(token.last_updated),
        name=token.name,
        status=token.status,
        expires_ms=to_ms(token.expiration_date) if token.expiration_date else None,
        application_id=token.application_id,
        role_limit=RoleLimit(
            default_role=token.default_role or None, org_roles=token.org_roles or ()
        ),
    )
