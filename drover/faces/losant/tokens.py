"""API tokens of users and (ours) of organisations; those of applications are a kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.access.accounts import own_id
from drover.app.access.tokens import ApiTokens, NewToken
from drover.faces.losant import _words
from drover.faces.losant._lists import PARAMETERS
from drover.faces.losant._records import Collection, Document, envelope, moment
from drover.faces.losant.auth import ScopeNames
from drover.faces.operation import Call, Operation
from drover.model.access import MemberRole, OrgRoles, RoleLimit
from drover.model.bodies import Giver
from drover.model.fields import Name, Prose
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.model.accounts import TokenOwner

DateText = Annotated[str, Meta(max_length=64)]


class ApiTokenPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A new token; scopes and end never change later."""

    name: Name
    description: Prose | UnsetType = UNSET
    expiration_date: DateText | UnsetType = UNSET
    default_role: MemberRole | UnsetType = UNSET
    org_roles: OrgRoles | UnsetType = UNSET
    scope: ScopeNames | UnsetType = UNSET
    status: Literal["active", "inactive"] = "active"


class ApiTokenPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What may change of a token."""

    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    default_role: MemberRole | UnsetType = UNSET
    org_roles: OrgRoles | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True)
class _Family:
    """Where one sort of owner keeps its tokens, and what opens them."""

    one: str
    path: str
    owner: TokenOwner
    wide: tuple[str, ...]
    parameter: str = ""
    ours: bool = False

    @property
    def collection(self) -> Collection:
        return Collection(
            type="apiToken",
            path=self.path,
            sortable=("name", "status", "id", "creationDate", "lastUpdated", "expirationDate"),
            filterable=("name", "status"),
        )

    def owner_of(self, call: Call) -> tuple[TokenOwner, str]:
        """Return whose tokens a call is about."""
        owner_id = call.path[self.parameter] if self.parameter else own_id(call.caller)
        return self.owner, owner_id


_FAMILIES = (
    _Family(one="userApiToken", path="/me/tokens", owner="user", wide=("User",)),
    _Family(
        one="orgApiToken",
        path="/orgs/{orgId}/tokens",
        owner="organization",
        wide=("Organization", "User"),
        parameter="orgId",
        ours=True,
    ),
)
_GIVER = Giver({}, frozenset(), frozenset())


class _Calls:
    def __init__(self, tokens: ApiTokens, family: _Family) -> None:
        self._tokens = tokens
        self._family = family

    async def page(self, call: Call) -> Document:
        """Return one page."""
        owner = self._family.owner_of(call)
        found = await self._tokens.all(call.caller, owner)
        page = self._family.collection.page(call, [_words.token(each) for each in found])
        return {**page, "ownerType": owner[0], "ownerId": owner[1]}

    async def post(self, call: Call) -> Document:
        """Create one; the answer alone has its text."""
        given = _GIVER.given(call.json(ApiTokenPost))
        new = NewToken(
            name=given["name"],
            description=given.get("description"),
            expires_ms=moment(given.get("expiration_date")),
            scopes=given.get("scope"),
            status=given["status"],
            role_limit=RoleLimit(
                default_role=given.get("default_role"), org_roles=given.get("org_roles", ())
            ),
        )
        token, text = await self._tokens.create(call.caller, self._family.owner_of(call), new)
        return self._shown(call, {**_words.token(token), "token": text})

    async def get(self, call: Call) -> Document:
        """Return one."""
        owner = self._family.owner_of(call)
        found = await self._tokens.get(call.caller, owner, call.path["apiTokenId"])
        return self._shown(call, _words.token(found))

    async def patch(self, call: Call) -> Document:
        """Change one."""
        owner, changes = self._family.owner_of(call), _GIVER.given(call.json(ApiTokenPatch))
        token_id = call.path["apiTokenId"]
        changed = await self._tokens.change(call.caller, owner, token_id, changes)
        return self._shown(call, _words.token(changed))

    async def delete(self, call: Call) -> Document:
        """Revoke one."""
        owner = self._family.owner_of(call)
        await self._tokens.delete(call.caller, owner, call.path["apiTokenId"])
        return {"success": True}

    def _shown(self, call: Call, document: Document) -> Document:
        path = self._family.path.format_map(call.path)
        return envelope(call, "apiToken", document, f"{path}/{document['id']}", apiTokens=path)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on API tokens."""
    for family in _FAMILIES:
        yield from _of_family(_Calls(services[ApiTokens], family), family)


def _of_family(calls: _Calls, family: _Family) -> Iterator[Operation]:
    one = f"{family.path}/{{apiTokenId}}"
    for method, path, verb, run, summary, body in (
        ("GET", family.path, "get", calls.page, "List API tokens", None),
        ("POST", family.path, "post", calls.post, "Create an API token", ApiTokenPost),
        ("GET", one, "get", calls.get, "Read an API token", None),
        ("PATCH", one, "patch", calls.patch, "Change an API token", ApiTokenPatch),
        ("DELETE", one, "delete", calls.delete, "Revoke an API token", None),
    ):
        name = family.one if path == one else f"{family.one}s"
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(name, verb, family.wide, reads=verb == "get"),
            run=run,
            name=f"{name}.{verb}",
            summary=summary,
            status=201 if verb == "post" else 200,
            body=cast("type[Struct] | None", body),
            parameters=PARAMETERS if path == family.path and verb == "get" else (),
            ours=family.ours,
        )
