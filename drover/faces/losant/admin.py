"""Ours: users as administrators see them, and each user's keys for the other dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import UNSET, Struct, UnsetType

from drover.app.access.account_keys import AccountKeys
from drover.app.access.accounts import Accounts, NewAccount
from drover.faces.losant import _words
from drover.faces.losant._records import Collection, Document, envelope, moment
from drover.faces.losant.auth import Email, Password
from drover.faces.losant.me import FirstName, Text
from drover.faces.losant.tokens import DateText
from drover.faces.operation import Call, Operation
from drover.model.access import Role
from drover.model.accounts import Profile
from drover.model.bodies import Giver
from drover.model.errors import Invalid
from drover.model.fields import Name
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

AccountRole = Literal["administrator", "user", "readOnly"]
KeyRole = Literal["user", "beacon", "readOnly", "administrator"]


class UserPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A new user."""

    email: Email
    password: Password
    first_name: FirstName | UnsetType = UNSET
    last_name: Text | UnsetType = UNSET
    role: AccountRole = "user"


class UserPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Changes of a user; a new password ends their sessions.

    Two-factor authentication can be taken away here, for a user who has lost their app.
    """

    email: Email | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    first_name: FirstName | UnsetType = UNSET
    last_name: Text | UnsetType = UNSET
    role: AccountRole | UnsetType = UNSET
    two_factor_auth_enabled: bool | UnsetType = UNSET


class KeyPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A new key of the calling user."""

    name: Name
    role: KeyRole = "user"
    expiration_date: DateText | UnsetType = UNSET


_GIVER = Giver({}, frozenset(), frozenset())
_USERS = Collection(
    type="user",
    path="/admin/users",
    sortable=("number", "id", "email", "creationDate", "lastUpdated", "role"),
    filterable=("email", "firstName", "lastName", "role"),
    default_sort="number",
)
_KEYS = Collection(
    type="userKey",
    path="/me/keys",
    sortable=("name", "id", "creationDate", "expirationDate", "role"),
    filterable=("name", "role"),
)


class _UserCalls:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def page(self, call: Call) -> Document:
        """Return one page."""
        found = await self._accounts.all(call.caller)
        return _USERS.page(call, [_words.account(each) for each in found])

    async def post(self, call: Call) -> Document:
        """Create one."""
        given = call.json(UserPost)
        profile = Profile(first_name=given.first_name or None, last_name=given.last_name or None)
        new = NewAccount(
            email=given.email, password=given.password, role=Role(given.role), profile=profile
        )
        return _shown(call, _words.account(await self._accounts.create(call.caller, new)))

    async def get(self, call: Call) -> Document:
        """Return one."""
        found = await self._accounts.get(call.caller, call.path["userId"])
        return _shown(call, _words.account(found))

    async def patch(self, call: Call) -> Document:
        """Change one."""
        changes = _changes(call.json(UserPatch))
        changed = await self._accounts.change(call.caller, call.path["userId"], changes)
        return _shown(call, _words.account(changed))

    async def delete(self, call: Call) -> Document:
        """Delete one."""
        await self._accounts.delete(call.caller, call.path["userId"])
        return {"success": True}


class _KeyCalls:
    def __init__(self, keys: AccountKeys) -> None:
        self._keys = keys

    async def page(self, call: Call) -> Document:
        """Return one page of the caller's keys."""
        found = await self._keys.all(call.caller)
        return _KEYS.page(call, [_words.account_key(each) for each in found])

    async def post(self, call: Call) -> Document:
        """Create one; the answer alone has its secrets."""
        given = call.json(KeyPost)
        until = moment(None if given.expiration_date is UNSET else given.expiration_date)
        made = await self._keys.create(call.caller, given.name, Role(given.role), until)
        secrets = {"keySecret": made.secret, "userkey": made.userkey}
        path = f"/me/keys/{made.key.id}"
        return envelope(call, "userKey", {**_words.account_key(made.key), **secrets}, path)

    async def delete(self, call: Call) -> Document:
        """Revoke one."""
        await self._keys.delete(call.caller, call.path["keyId"])
        return {"success": True}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on users and on the caller's keys."""
    users, keys = _UserCalls(services[Accounts]), _KeyCalls(services[AccountKeys])
    one = "/admin/users/{userId}"
    declared: tuple[tuple[str, str, str, str, Any, str, Any], ...] = (
        ("GET", "/admin/users", "adminUsers", "get", users.page, "List users", None),
        ("POST", "/admin/users", "adminUsers", "post", users.post, "Create a user", UserPost),
        ("GET", one, "adminUser", "get", users.get, "Read a user", None),
        ("PATCH", one, "adminUser", "patch", users.patch, "Change a user", UserPatch),
        ("DELETE", one, "adminUser", "delete", users.delete, "Delete a user", None),
        ("GET", "/me/keys", "userKeys", "get", keys.page, "List your keys", None),
        ("POST", "/me/keys", "userKeys", "post", keys.post, "Create a key", KeyPost),
        ("DELETE", "/me/keys/{keyId}", "userKey", "delete", keys.delete, "Revoke a key", None),
    )
    for method, path, family, verb, run, summary, body in declared:
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(family, verb, ("User",), reads=verb == "get"),
            run=run,
            name=f"{family}.{verb}",
            summary=summary,
            status=201 if verb == "post" else 200,
            body=cast("type[Struct] | None", body),
            ours=True,
        )


def _changes(given: UserPatch) -> dict[str, Any]:
    changes = _GIVER.given(given)
    if "role" in changes:
        changes["role"] = Role(changes["role"])
    if changes.pop("two_factor_auth_enabled", None) is not None:
        if given.two_factor_auth_enabled:
            message = "Only users themselves can enable it at `twoFactorAuthEnabled`"
            raise Invalid(message, field="twoFactorAuthEnabled")
        changes["two_factor_key"] = None
    return changes


def _shown(call: Call, document: Document) -> Document:
    return envelope(call, "user", document, f"/admin/users/{document['id']}", users="/admin/users")
