"""The areas of the store that say who may do what.

Whatever takes access away (or moves it) raises the *revision* in the same unit of work, so that
what a server remembers of verified tokens is void at once, on every server: see ``Revisions``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from drover.model.accounts import AccessKey, Account, AccountKey, Member, Owner, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.model.accounts import Invite, Organization, OwnerType, TokenOwner


class Revisions(Protocol):
    """How often access has been taken away or moved, over all servers of the store."""

    async def current(self) -> int:
        """Return the number as of the last commit, cheaply enough for each request."""
        ...

    def close(self) -> None:
        """Let go of what is held; nothing may be asked afterwards."""
        ...


class FoundToken(Struct, frozen=True, kw_only=True):
    """A token, whom it acts for, and the revision of the snapshot both were read from."""

    token: Token
    revision: int
    account: Account | None = None
    access_key: AccessKey | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How an account stands to an application: its owner, and the membership there if any."""

    owner: Owner
    revision: int
    member: Member | None = None
    mfa_mode: str = "notRequired"


class FoundKey(Struct, frozen=True, kw_only=True):
    """An account's key and the account."""

    key: AccountKey
    account: Account


class Accounts(Protocol):
    """Users and their keys."""

    async def add(self, account: Account) -> Account:
        """Insert and return it with its number; raises Duplicate when the e-mail is taken."""
        ...

    async def put(self, account: Account) -> None:
        """Replace one; raises Missing, Duplicate."""
        ...

    async def get(self, account_id: str) -> Account:
        """Return one; raises Missing."""
        ...

    async def find_by_email(self, email: str) -> Account | None:
        """Return the account with this lower-case address, if there is one."""
        ...

    async def all(self) -> Sequence[Account]:
        """Return all, by number."""
        ...

    async def count(self) -> int:
        """Count them."""
        ...

    async def remove(self, account_id: str) -> None:
        """Delete one with its keys, sessions, tokens and memberships; raises Missing."""
        ...

    async def add_key(self, key: AccountKey) -> None:
        """Insert a key."""
        ...

    async def keys(self, account_id: str) -> Sequence[AccountKey]:
        """Return an account's keys, newest first."""
        ...

    async def find_key(self, key_id: str) -> FoundKey | None:
        """Return a key by its id, if there is one."""
        ...

    async def find_userkey(self, digest: str) -> FoundKey | None:
        """Return a key by the digest of its userkey, if there is one."""
        ...

    async def remove_key(self, account_id: str, key_id: str) -> None:
        """Delete an account's key; raises Missing."""
        ...


class Organizations(Protocol):
    """Organisations, their members and the invitations into them."""

    async def put(self, organization: Organization) -> None:
        """Insert or replace."""
        ...

    async def get(self, organization_id: str) -> Organization:
        """Return one; raises Missing."""
        ...

    async def of_account(self, account_id: str) -> Sequence[Organization]:
        """Return those an account is a member of, by name."""
        ...

    async def remove(self, organization_id: str) -> None:
        """Delete one with its members, invitations and tokens; raises Missing."""
        ...

    async def put_member(self, member: Member) -> None:
        """Insert or replace a membership."""
        ...

    async def members(self, organization_id: str) -> Sequence[tuple[Member, Account]]:
        """Return the members with their accounts, by account number."""
        ...

    async def find_member(self, organization_id: str, account_id: str) -> Member | None:
        """Return a membership, if there is one."""
        ...

    async def remove_member(self, organization_id: str, account_id: str) -> None:
        """Delete a membership; raises Missing."""
        ...

    async def put_invite(self, invite: Invite) -> None:
        """Insert an invitation, in place of an earlier one of the same address."""
        ...

    async def invites(self, organization_id: str) -> Sequence[Invite]:
        """Return the open invitations, oldest first."""
        ...

    async def invites_to(self, email: str) -> Sequence[tuple[Invite, Organization]]:
        """Return the invitations of an address with their organisations, oldest first."""
        ...

    async def remove_invite(self, organization_id: str, invite_id: str) -> None:
        """Delete an invitation; raises Missing."""
        ...


class Tokens(Protocol):
    """Sessions and API tokens."""

    async def add(self, token: Token) -> None:
        """Insert one."""
        ...

    async def put(self, token: Token) -> None:
        """Replace one; raises Missing."""
        ...

    async def find(self, digest: str) -> FoundToken | None:
        """Return the token whose text has this digest, if there is one."""
        ...

    async def get(self, owner_type: TokenOwner, owner_id: str, token_id: str) -> Token:
        """Return an owner's API token; raises Missing."""
        ...

    async def of_owner(self, owner_type: TokenOwner, owner_id: str) -> Sequence[Token]:
        """Return an owner's API tokens, oldest first."""
        ...

    async def remove(self, owner_type: TokenOwner, owner_id: str, token_id: str) -> None:
        """Delete a token of an owner; raises Missing."""
        ...

    async def end_sessions(
        self, owner_type: TokenOwner, owner_id: str, *, keep: str | None = None
    ) -> int:
        """Delete an owner's sessions but the one with the id ``keep``; return how many."""
        ...

    async def trim_sessions(self, owner_type: TokenOwner, owner_id: str, most: int) -> int:
        """Delete the oldest sessions beyond ``most``; return how many."""
        ...

    async def remove_expired(self, now_ms: int) -> int:
        """Delete tokens whose time is over; return how many."""
        ...


class AccessKeys(Protocol):
    """The keys that devices sign in with."""

    async def put(self, key: AccessKey) -> None:
        """Insert or replace."""
        ...

    async def get(self, application_id: str, key_id: str) -> AccessKey:
        """Return one; raises Missing."""
        ...

    async def named(self, keys: Sequence[str]) -> Sequence[tuple[AccessKey, OwnerType]]:
        """Return those with these key texts, each with whose kind its application is."""
        ...

    async def of_application(self, application_id: str) -> Sequence[AccessKey]:
        """Return an application's keys, oldest first."""
        ...

    async def remove(self, application_id: str, key_id: str) -> None:
        """Delete one and the tokens got with it; raises Missing."""
        ...


class Owners(Protocol):
    """Whose each application is."""

    async def standing(self, application_id: str, account_id: str | None) -> Standing | None:
        """Return how an account stands to an application, if there is such an application."""
        ...

    async def owned_by(self, owner_type: OwnerType, owner_id: str) -> Sequence[str]:
        """Return the ids of an owner's applications."""
        ...

    async def within_reach(self, account_id: str) -> Sequence[Standing]:
        """Return an account's own applications and all those of its organisations."""
        ...


class Traces(Protocol):
    """What users did lately, as far as a rule or a list looks at it."""

    async def use_code(self, account_id: str, step: int) -> bool:
        """Note that the code of a step was used; False when it was before."""
        ...

    async def see(
        self, account_id: str, item_type: str, parent_id: str, item_id: str, *, most: int
    ) -> None:
        """Note that something was looked at, and forget what is beyond ``most``.

        ``parent_id`` is empty where the type has no parent.
        """
        ...

    async def seen(self, account_id: str, item_type: str, parent_id: str) -> Sequence[str]:
        """Return the ids of what was looked at, newest first."""
        ...


class Access(Protocol):
    """All of it, in one unit of work."""

    @property
    def accounts(self) -> Accounts:
        """Users and their keys."""
        ...

    @property
    def organizations(self) -> Organizations:
        """Organisations, their members and the invitations into them."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Sessions and API tokens."""
        ...

    @property
    def keys(self) -> AccessKeys:
        """The keys that devices sign in with."""
        ...

    @property
    def owners(self) -> Owners:
        """Whose each application is."""
        ...

    @property
    def traces(self) -> Traces:
        """What users did lately."""
        ...

    async def raise_revision(self) -> None:
        """Void what servers remember of verified tokens, once this unit of work is kept.

        Called before anything is read, it also lets such units of work go one after another, so
        that rules over several rows (the last administrator) hold.
        """
        ...
