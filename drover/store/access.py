"""The access tables on either database: see ``drover.ports.access`` for what is promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct, structs

from drover.model.accounts import (
    AccessKey,
    Account,
    AccountKey,
    Invite,
    Member,
    Organization,
    Owner,
    OwnerType,
    Token,
    TokenOwner,
)
from drover.model.errors import Duplicate, Missing
from drover.ports.access import FoundKey, FoundToken, Standing
from drover.store.access_traces import TraceTables
from drover.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.store.driver import Database, Row, Transaction

S = TypeVar("S", bound=Struct)


def revisions_of(database: Database) -> StoredRevisions:
    """Return the revisions of an open database, the quickest way it has."""
    if isinstance(database, SqliteDatabase):
        return SqliteRevisions(database)
    return StoredRevisions(database)


class StoredRevisions:
    """The revision as the store has it: one keyed read each time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> int:
        """Return the number as of the last commit."""
        row = await self._database.fetch_one("access_revision")
        return -1 if row is None else int(row["value"])

    def close(self) -> None:
        """Nothing is held."""


class SqliteRevisions(StoredRevisions):
    """The revision as the writing thread of this process knows it: nobody else raises it."""

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(database)
        self._known = database

    async def current(self) -> int:
        """Return the number as of the last commit."""
        known = self._known.access_revision
        return await super().current() if known is None else known


class AccessTables:
    """All of it, in one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.accounts = AccountTables(tx)
        self.organizations = OrganizationTables(tx)
        self.tokens = TokenTable(tx)
        self.keys = AccessKeyTable(tx)
        self.owners = OwnerTable(tx)
        self.traces = TraceTables(tx)

    async def raise_revision(self) -> None:
        """Void what servers remember of verified tokens, once this unit of work is kept."""
        await self._tx.execute("raise_access_revision")


class AccountTables:
    """Users and their keys."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, account: Account) -> Account:
        """Insert and return it with its number; raises Duplicate when the e-mail is taken."""
        row = await self._tx.fetch_one("next_account_number")
        account = structs.replace(account, number=int(_there(row, "Counter")["value"]))
        if not await self._tx.execute("insert_account", _account_row(account)):
            raise _email_taken()
        return account

    async def put(self, account: Account) -> None:
        """Replace one; raises Missing, Duplicate."""
        row = _account_row(account)
        del row["number"]
        if await self._tx.execute("update_account", row):
            return
        await self.get(account.id)
        raise _email_taken()

    async def get(self, account_id: str) -> Account:
        """Return one; raises Missing."""
        row = await self._tx.fetch_one("account_by_id", {"id": account_id})
        return _decode(_there(row, "User")["document"], Account)

    async def find_by_email(self, email: str) -> Account | None:
        """Return the account with this lower-case address, if there is one."""
        row = await self._tx.fetch_one("account_by_email", {"email": email})
        return _maybe(row, "document", Account)

    async def all(self) -> Sequence[Account]:
        """Return all, by number."""
        return _each(await self._tx.fetch("all_accounts"), Account)

    async def count(self) -> int:
        """Count them."""
        return int(_there(await self._tx.fetch_one("count_accounts"), "Count")["total"])

    async def remove(self, account_id: str) -> None:
        """Delete one with its keys, sessions, tokens and memberships; raises Missing."""
        _touched(await self._tx.execute("delete_account", {"id": account_id}), "User")

    async def add_key(self, key: AccountKey) -> None:
        """Insert a key."""
        names = ("id", "account_id", "userkey_digest", "created_ms")
        await self._tx.execute("insert_account_key", _row(key, *names))

    async def keys(self, account_id: str) -> Sequence[AccountKey]:
        """Return an account's keys, newest first."""
        return _each(await self._tx.fetch("account_keys", {"account_id": account_id}), AccountKey)

    async def find_key(self, key_id: str) -> FoundKey | None:
        """Return a key by its id, if there is one."""
        return _found_key(await self._tx.fetch_one("account_key_by_id", {"id": key_id}))

    async def find_userkey(self, digest: str) -> FoundKey | None:
        """Return a key by the digest of its userkey, if there is one."""
        return _found_key(await self._tx.fetch_one("account_key_by_userkey", {"digest": digest}))

    async def remove_key(self, account_id: str, key_id: str) -> None:
        """Delete an account's key; raises Missing."""
        params = {"account_id": account_id, "id": key_id}
        _touched(await self._tx.execute("delete_account_key", params), "Key")


class OrganizationTables:
    """Organisations, their members and the invitations into them."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, organization: Organization) -> None:
        """Insert or replace."""
        await self._tx.execute("upsert_organization", _row(organization, "id", "name"))

    async def get(self, organization_id: str) -> Organization:
        """Return one; raises Missing."""
        row = await self._tx.fetch_one("organization_by_id", {"id": organization_id})
        return _decode(_there(row, "Organization")["document"], Organization)

    async def of_account(self, account_id: str) -> Sequence[Organization]:
        """Return those an account is a member of, by name."""
        rows = await self._tx.fetch("organizations_of_account", {"account_id": account_id})
        return _each(rows, Organization)

    async def remove(self, organization_id: str) -> None:
        """Delete one with its members, invitations and tokens; raises Missing."""
        touched = await self._tx.execute("delete_organization", {"id": organization_id})
        _touched(touched, "Organization")

    async def put_member(self, member: Member) -> None:
        """Insert or replace a membership."""
        await self._tx.execute("upsert_member", _row(member, "organization_id", "account_id"))

    async def members(self, organization_id: str) -> Sequence[tuple[Member, Account]]:
        """Return the members with their accounts, by account number."""
        rows = await self._tx.fetch("members", {"organization_id": organization_id})
        return [(_decode(row["member"], Member), _decode(row["account"], Account)) for row in rows]

    async def find_member(self, organization_id: str, account_id: str) -> Member | None:
        """Return a membership, if there is one."""
        params = {"organization_id": organization_id, "account_id": account_id}
        return _maybe(await self._tx.fetch_one("member", params), "document", Member)

    async def remove_member(self, organization_id: str, account_id: str) -> None:
        """Delete a membership; raises Missing."""
        params = {"organization_id": organization_id, "account_id": account_id}
        _touched(await self._tx.execute("delete_member", params), "Member")

    async def put_invite(self, invite: Invite) -> None:
        """Insert an invitation, in place of an earlier one of the same address."""
        row = _row(invite, "id", "organization_id", "email", "created_ms")
        await self._tx.execute("upsert_invite", row)

    async def invites(self, organization_id: str) -> Sequence[Invite]:
        """Return the open invitations, oldest first."""
        rows = await self._tx.fetch("invites", {"organization_id": organization_id})
        return _each(rows, Invite)

    async def invites_to(self, email: str) -> Sequence[tuple[Invite, Organization]]:
        """Return the invitations of an address with their organisations, oldest first."""
        rows = await self._tx.fetch("invites_to", {"email": email})
        return [
            (_decode(row["invite"], Invite), _decode(row["organization"], Organization))
            for row in rows
        ]

    async def remove_invite(self, organization_id: str, invite_id: str) -> None:
        """Delete an invitation; raises Missing."""
        params = {"organization_id": organization_id, "id": invite_id}
        _touched(await self._tx.execute("delete_invite", params), "Invite")


class TokenTable:
    """Sessions and API tokens."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def add(self, token: Token) -> None:
        """Insert one."""
        names = ("id", "digest", "kind", "owner_type", "owner_id", "account_id", "application_id")
        row = _row(token, *names, "access_key_id", "created_ms", "expires_ms")
        is_organizations = token.owner_type == "organization"
        row["organization_id"] = token.owner_id if is_organizations else None
        await self._tx.execute("insert_token", row)

    async def put(self, token: Token) -> None:
        """Replace one; raises Missing."""
        _touched(await self._tx.execute("update_token", _row(token, "id")), "API token")

    async def find(self, digest: str) -> FoundToken | None:
        """Return the token whose text has this digest, if there is one."""
        row = await self._tx.fetch_one("token_by_digest", {"digest": digest})
        if row is None:
            return None
        return FoundToken(
            token=_decode(row["token"], Token),
            revision=row["revision"],
            account=_maybe(row, "account", Account),
            access_key=_maybe(row, "access_key", AccessKey),
        )

    async def get(self, owner_type: TokenOwner, owner_id: str, token_id: str) -> Token:
        """Return an owner's API token; raises Missing."""
        params = {"owner_type": owner_type, "owner_id": owner_id, "id": token_id}
        row = await self._tx.fetch_one("token_by_id", params)
        return _decode(_there(row, "API token")["document"], Token)

    async def of_owner(self, owner_type: TokenOwner, owner_id: str) -> Sequence[Token]:
        """Return an owner's API tokens, oldest first."""
        params = {"owner_type": owner_type, "owner_id": owner_id}
        return _each(await self._tx.fetch("tokens_of_owner", params), Token)

    async def remove(self, owner_type: TokenOwner, owner_id: str, token_id: str) -> None:
        """Delete a token of an owner; raises Missing."""
        params = {"owner_type": owner_type, "owner_id": owner_id, "id": token_id}
        _touched(await self._tx.execute("delete_token", params), "API token")

    async def end_sessions(
        self, owner_type: TokenOwner, owner_id: str, *, keep: str | None = None
    ) -> int:
        """Delete an owner's sessions but the one with the id ``keep``; return how many."""
        params = {"owner_type": owner_type, "owner_id": owner_id, "keep": keep or ""}
        return await self._tx.execute("delete_sessions", params)

    async def trim_sessions(self, owner_type: TokenOwner, owner_id: str, most: int) -> int:
        """Delete the oldest sessions beyond ``most``; return how many."""
        params = {"owner_type": owner_type, "owner_id": owner_id, "most": most}
        return await self._tx.execute("delete_oldest_sessions", params)

    async def remove_expired(self, now_ms: int) -> int:
        """Delete tokens whose time is over; return how many."""
        return await self._tx.execute("delete_expired_tokens", {"now_ms": now_ms})


class AccessKeyTable:
    """The keys that devices sign in with."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, key: AccessKey) -> None:
        """Insert or replace."""
        row = _row(key, "id", "application_id", "key", "created_ms")
        await self._tx.execute("upsert_access_key", row)

    async def get(self, application_id: str, key_id: str) -> AccessKey:
        """Return one; raises Missing."""
        params = {"application_id": application_id, "id": key_id}
        row = await self._tx.fetch_one("access_key_by_id", params)
        return _decode(_there(row, "Access key")["document"], AccessKey)

    async def named(self, keys: Sequence[str]) -> Sequence[tuple[AccessKey, OwnerType]]:
        """Return those with these key texts, each with whose kind its application is."""
        rows = await self._tx.fetch("access_keys_named", {"keys": list(keys)})
        return [(_decode(row["document"], AccessKey), row["owner_type"]) for row in rows]

    async def of_application(self, application_id: str) -> Sequence[AccessKey]:
        """Return an application's keys, oldest first."""
        rows = await self._tx.fetch("access_keys", {"application_id": application_id})
        return _each(rows, AccessKey)

    async def remove(self, application_id: str, key_id: str) -> None:
        """Delete one and the tokens got with it; raises Missing."""
        params = {"application_id": application_id, "id": key_id}
        _touched(await self._tx.execute("delete_access_key", params), "Access key")


class OwnerTable:
    """Whose each application is."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def standing(self, application_id: str, account_id: str | None) -> Standing | None:
        """Return how an account stands to an application, if there is such an application."""
        params = {"application_id": application_id, "account_id": account_id or ""}
        row = await self._tx.fetch_one("standing", params)
        return None if row is None else _standing(row)

    async def owned_by(self, owner_type: OwnerType, owner_id: str) -> Sequence[str]:
        """Return the ids of an owner's applications."""
        params = {"owner_type": owner_type, "owner_id": owner_id}
        return [row["id"] for row in await self._tx.fetch("owned_by", params)]

    async def within_reach(self, account_id: str) -> Sequence[Standing]:
        """Return an account's own applications and all those of its organisations."""
        rows = await self._tx.fetch("within_reach", {"account_id": account_id})
        return [_standing(row) for row in rows]


def _row(value: Struct, *columns: str) -> dict[str, Any]:
    row = {column: getattr(value, column) for column in columns}
    return {**row, "document": msgspec.json.encode(value).decode()}


def _account_row(account: Account) -> dict[str, Any]:
    return _row(account, "id", "number", "email")


def _decode(text: str, shape: type[S]) -> S:
    return msgspec.json.decode(text, type=shape)


def _maybe(row: Row | None, column: str, shape: type[S]) -> S | None:
    if row is None or row[column] is None:
        return None
    return _decode(row[column], shape)


def _each(rows: Sequence[Row], shape: type[S]) -> list[S]:
    return [_decode(row["document"], shape) for row in rows]


def _found_key(row: Row | None) -> FoundKey | None:
    if row is None:
        return None
    return FoundKey(key=_decode(row["key"], AccountKey), account=_decode(row["account"], Account))


def _standing(row: Row) -> Standing:
    owner = Owner(application_id=row["application_id"], type=row["owner_type"], id=row["owner_id"])
    organization = _maybe(row, "organization", Organization)
    return Standing(
        owner=owner,
        revision=row["revision"],
        member=_maybe(row, "member", Member),
        mfa_mode="notRequired" if organization is None else organization.mfa_mode,
    )


def _there(row: Row | None, what: str) -> Row:
    if row is None:
        raise Missing(f"{what} was not found")
    return row


def _touched(count: int, what: str) -> None:
    if count == 0:
        raise Missing(f"{what} was not found")


def _email_taken() -> Duplicate:
    return Duplicate("There is a user with this email", field="email")
