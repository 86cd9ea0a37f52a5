"""Organisations, their members and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.access.organizations import Organizations, Roles
from drover.app.applications import Applications
from drover.faces.losant import _summaries, _words
from drover.faces.losant._lists import PARAMETERS
from drover.faces.losant._records import Collection, Document, envelope
from drover.faces.losant.auth import Email
from drover.faces.losant.me import Text
from drover.faces.operation import Call, Operation
from drover.model.access import MemberRole
from drover.model.accounts import ResourceRole
from drover.model.bodies import Giver
from drover.model.fields import ID_PATTERN, Name, Prose
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from drover.app.access.organizations import Overview
    from drover.app.services import Services

IdText = Annotated[str, Meta(pattern=ID_PATTERN)]


class GivenResourceRole(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A role in one application or dashboard."""

    resource_id: IdText
    role: Literal["collaborate", "view", "none"]


ResourceRoles = Annotated[tuple[GivenResourceRole, ...], Meta(max_length=100)]


class OrgPost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A new organisation."""

    name: Name
    description: Prose | UnsetType = UNSET
    plan_id: Text | UnsetType = UNSET
    billing_email: Email | UnsetType = UNSET
    card_token: Text | UnsetType = UNSET
    icon_color: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    mfa_mode: Literal["notRequired", "adminRequired", "required"] | UnsetType = UNSET


class OrgPatch(OrgPost, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Changes of an organisation."""

    name: Name | UnsetType = UNSET  # type: ignore[assignment]  # what a patch may leave out


class OrgInvitePost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Whom to invite, and as what."""

    email: Email
    role: MemberRole
    application_roles: ResourceRoles = ()
    dashboard_roles: ResourceRoles = ()
    disallow_transfer: bool = False


class OrgMemberPatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a member is to be."""

    user_id: IdText
    role: MemberRole | UnsetType = UNSET
    application_roles: ResourceRoles | UnsetType = UNSET
    dashboard_roles: ResourceRoles | UnsetType = UNSET


class OrgInviteAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer to an invitation, with the secret of its letter."""

    email: Email
    token: Annotated[str, Meta(min_length=1, max_length=512)]
    accept: bool


_GIVER = Giver({}, frozenset(), frozenset())
_ORGS = Collection(type="org", path="/orgs", sortable=("name", "id", "creationDate", "lastUpdated"))


class _Calls:
    def __init__(self, organizations: Organizations, applications: Applications) -> None:
        self._organizations = organizations
        self._applications = applications

    async def page(self, call: Call) -> Document:
        """Return one page of the caller's organisations."""
        found = await self._organizations.mine(call.caller)
        return _ORGS.page(call, [await self._document(call, each) for each in found])

    async def post(self, call: Call) -> Document:
        """Create one."""
        fields = _fields(call.json(OrgPost))
        return await self._shown(call, await self._organizations.create(call.caller, fields))

    async def get(self, call: Call) -> Document:
        """Return one."""
        return await self._shown(
            call, await self._organizations.get(call.caller, call.path["orgId"])
        )

    async def patch(self, call: Call) -> Document:
        """Change one."""
        fields = _fields(call.json(OrgPatch))
        changed = await self._organizations.change(call.caller, call.path["orgId"], fields)
        return await self._shown(call, changed)

    async def delete(self, call: Call) -> Document:
        """Delete one."""
        await self._organizations.delete(call.caller, call.path["orgId"])
        return {"success": True}

    async def invites(self, call: Call) -> list[Document]:
        """Return the open invitations."""
        return self._invites(await self._organizations.invites(call.caller, call.path["orgId"]))

    async def invite(self, call: Call) -> list[Document]:
        """Invite an address."""
        given = call.json(OrgInvitePost)
        roles = Roles(
            role=given.role,
            application_roles=_roles(given.application_roles),
            dashboard_roles=_roles(given.dashboard_roles),
        )
        invites, _ = await self._organizations.invite(
            call.caller,
            call.path["orgId"],
            given.email,
            roles,
            disallow_transfer=given.disallow_transfer,
        )
        return self._invites(invites)

    async def revoke(self, call: Call) -> list[Document]:
        """Take an invitation back."""
        invite_id = call.needed_id("inviteId")
        return self._invites(
            await self._organizations.revoke_invite(call.caller, call.path["orgId"], invite_id)
        )

    async def modify_member(self, call: Call) -> Document:
        """Change a member's roles."""
        changes = _GIVER.given(call.json(OrgMemberPatch))
        account_id = changes.pop("user_id").lower()
        for name in changes.keys() & {"application_roles", "dashboard_roles"}:
            changes[name] = _roles(changes[name])
        changed = await self._organizations.modify_member(
            call.caller, call.path["orgId"], account_id, changes
        )
        return await self._shown(call, changed)

    async def remove_member(self, call: Call) -> Document:
        """Take a member out."""
        left = await self._organizations.remove_member(
            call.caller, call.path["orgId"], call.needed_id("userId")
        )
        return await self._shown(call, left)

    async def by_letter(self, call: Call) -> Document:
        """Return the invitation that a letter's link names."""
        invite, own = await self._organizations.open_invite(call.text("email"), call.text("token"))
        return {
            "orgName": own.name,
            "email": invite.email,
            "role": invite.role,
            "inviteDate": _words.invite(invite, 0)["inviteDate"],
            "ttl": invite.expires_ms - invite.created_ms,
            "disallowTransfer": invite.disallow_transfer,
        }

    async def answer_letter(self, call: Call) -> Document:
        """Answer an invitation with the secret of its letter."""
        given = call.json(OrgInviteAction)
        org_id = await self._organizations.respond_by_letter(
            given.email, given.token, accept=given.accept
        )
        return {"accepted": given.accept, "orgId": org_id}

    async def _shown(self, call: Call, value: Overview) -> Document:
        document = await self._document(call, value)
        return envelope(call, "org", document, f"/orgs/{document['id']}", orgs="/orgs")

    async def _document(self, call: Call, value: Overview) -> Document:
        """Return an organisation with the counts that the request wants."""
        document = _words.organization(value)
        names = _summaries.asked(call, _COUNTS)
        if not names:
            return document
        total = await self._applications.summary(call.caller, value.organization.id)
        own = {"memberCount": len(value.members), "pendingInviteCount": value.pending_invite_count}
        return {**document, "summary": _summaries.chosen({**total, **own}, names)}

    def _invites(self, invites: Any) -> list[Document]:
        now_ms = self._organizations.now_ms()
        return [_words.invite(each, now_ms) for each in invites]


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on organisations and on invitations by letter."""
    calls = _Calls(services[Organizations], services[Applications])
    yield from _collection(calls)
    both = ("Organization", "User")
    one: tuple[tuple[str, str, str, Callable[[Call], Awaitable[Any]], str, Any], ...] = (
        ("GET", "", "get", calls.get, "Read an organization", None),
        ("PATCH", "", "patch", calls.patch, "Change an organization", OrgPatch),
        ("DELETE", "", "delete", calls.delete, "Delete an organization", None),
        ("GET", "/invites", "pendingInvites", calls.invites, "List open invitations", None),
        ("POST", "/invites", "inviteMember", calls.invite, "Invite a user", OrgInvitePost),
        ("DELETE", "/invites", "revokeInvite", calls.revoke, "Take an invitation back", None),
        ("PATCH", "/member", "modifyMember", calls.modify_member, "Change roles", OrgMemberPatch),
        ("DELETE", "/member", "removeMember", calls.remove_member, "Take a member out", None),
    )
    for method, path, verb, run, summary, body in one:
        yield Operation(
            method=method,
            path=f"/orgs/{{orgId}}{path}",
            scopes=for_operation("org", verb, both, reads=method == "GET"),
            run=run,
            name=f"org.{verb}",
            summary=summary,
            body=body,
            parameters=_PARAMETERS.get(verb, ()),
        )


_COUNTS = ("appCount", "memberCount", "pendingInviteCount", *_summaries.COUNTS)
_PARAMETERS = {
    "get": _summaries.PARAMETERS,
    "patch": _summaries.PARAMETERS,
    "modifyMember": _summaries.PARAMETERS,
    "revokeInvite": ("inviteId",),
    "removeMember": ("userId", *_summaries.PARAMETERS),
}


def _collection(calls: _Calls) -> Iterator[Operation]:
    yield Operation(
        method="GET",
        path="/orgs",
        scopes=for_operation("orgs", "get", ("User",), reads=True),
        run=calls.page,
        name="orgs.get",
        summary="List your organizations",
        parameters=(*PARAMETERS, *_summaries.PARAMETERS),
    )
    yield Operation(
        method="POST",
        path="/orgs",
        scopes=for_operation("orgs", "post", ("User",)),
        run=calls.post,
        name="orgs.post",
        summary="Create an organization",
        status=201,
        body=OrgPost,
        parameters=_summaries.PARAMETERS,
    )
    yield Operation(
        method="GET",
        path="/invites",
        scopes=None,
        run=calls.by_letter,
        name="orgInvites.get",
        summary="Read an invitation by the secret of its letter",
        parameters=("email", "token"),
    )
    yield Operation(
        method="POST",
        path="/invites",
        scopes=None,
        run=calls.answer_letter,
        name="orgInvites.post",
        summary="Answer an invitation by the secret of its letter",
        body=OrgInviteAction,
    )


def _fields(body: OrgPost) -> dict[str, Any]:
    fields = _GIVER.given(body)
    fields.pop("card_token", None)  # nobody pays here
    return fields


def _roles(given: tuple[GivenResourceRole, ...]) -> tuple[ResourceRole, ...]:
    return tuple(
        ResourceRole(resource_id=each.resource_id.lower(), role=MemberRole(each.role))
        for each in given
    )
