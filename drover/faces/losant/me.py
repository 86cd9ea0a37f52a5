"""The user who is calling: their account, password and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from drover.app.access.accounts import Accounts, PasswordChange, own_id
from drover.app.access.authenticate import Authenticator
from drover.app.access.organizations import Organizations
from drover.app.access.sessions import Sessions
from drover.faces.losant import _words
from drover.faces.losant._me import PARAMETERS, Shown, proof_of
from drover.faces.losant._records import Document, envelope, moment
from drover.faces.losant.auth import Email, Password, SecretText, Ttl, UserCredentials
from drover.faces.operation import Call, Operation
from drover.model.bodies import Giver
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.access.sessions import SignedIn
    from drover.app.services import Services

Text = Annotated[str, Meta(max_length=1024)]
FirstName = Annotated[str, Meta(min_length=1, max_length=1024)]
NewPassword = Annotated[
    str,
    Meta(
        min_length=12,
        max_length=2048,
        pattern=r"^(?=.*[A-Z])(?=.*[^A-Za-z0-9])(?=.*[0-9])(?=.*[a-z]).{12,}$",
    ),
]
"""At least twelve characters, among them a capital, a small letter, a digit and another one."""


class CurrentCredentials(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Proof that it is really the user who changes their e-mail or password."""

    password: Password
    two_factor_code: SecretText | UnsetType = UNSET


class MePatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What users may change about themselves."""

    email: Email | UnsetType = UNSET
    first_name: FirstName | UnsetType = UNSET
    last_name: Text | UnsetType = UNSET
    company_name: Text | UnsetType = UNSET
    title: Text | UnsetType = UNSET
    phone_number: Text | UnsetType = UNSET
    location: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET
    token_cutoff: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    current_credentials: CurrentCredentials | UnsetType = UNSET


class ChangePassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The current password and the new one; sessions end unless asked otherwise."""

    password: Password
    new_password: NewPassword
    two_factor_code: SecretText | UnsetType = UNSET
    invalidate_existing_tokens: bool = True
    token_ttl: Ttl | UnsetType = field(name="tokenTTL", default=UNSET)


class InviteAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do with an own invitation."""

    action: Literal["accept", "dismiss", "reject"]


_GIVER = Giver({}, frozenset(), frozenset())
_DONE = {"accept": "accepted", "dismiss": "dismissed", "reject": "rejected"}


class _Calls:
    def __init__(self, services: Services, shown: Shown) -> None:
        self._accounts = services[Accounts]
        self._authenticator = services[Authenticator]
        self._sessions = services[Sessions]
        self._organizations = services[Organizations]
        self._shown = shown

    async def get(self, call: Call) -> Document:
        """Return the caller's account."""
        return await self._shown.me(
            call, await self._accounts.get(call.caller, own_id(call.caller))
        )

    async def patch(self, call: Call) -> Document:
        """Change the caller's account."""
        changes = _GIVER.given(call.json(MePatch))
        given = changes.pop("current_credentials", None)
        cutoff_ms = moment(changes.pop("token_cutoff", None))
        if cutoff_ms is not None:
            changes["token_cutoff_ms"] = cutoff_ms
        account = await self._accounts.change_own(
            call.caller, changes, self._authenticator, given and proof_of(given)
        )
        return await self._shown.me(call, account)

    async def delete(self, call: Call) -> Document:
        """Delete the caller's account."""
        given = call.json(UserCredentials)
        await self._accounts.delete_own(
            call.caller, self._authenticator, given.email, proof_of(given)
        )
        return {"success": True}

    async def verify_email(self, _call: Call) -> Document:
        """Every address counts as verified: administrators and invitations vouch for them."""
        return {"success": True}

    async def change_password(self, call: Call) -> Document:
        """Change the password and return a new session."""
        given = call.json(ChangePassword)
        change = PasswordChange(
            proof=proof_of(given),
            password=given.new_password,
            keep_sessions=not given.invalidate_existing_tokens,
            ttl_s=None if given.token_ttl is UNSET else given.token_ttl,
        )
        signed = await self._accounts.change_password(
            call.caller, self._authenticator, self._sessions, change
        )
        return _signed(signed)

    async def refresh(self, call: Call) -> Document:
        """Return a new session like the caller's."""
        return _signed(await self._sessions.refresh(call.caller))

    async def invites(self, call: Call) -> list[Document]:
        """Return the caller's invitations."""
        now_ms = self._organizations.now_ms()
        found = await self._organizations.my_invites(call.caller)
        return [_words.own_invite(*each, now_ms) for each in found]

    async def invite(self, call: Call) -> Document:
        """Return one of the caller's invitations."""
        now_ms = self._organizations.now_ms()
        found = await self._organizations.my_invite(call.caller, call.path["inviteId"])
        shown = _words.own_invite(*found, now_ms)
        return envelope(call, "orgInviteUser", shown, f"/me/invites/{shown['id']}")

    async def respond(self, call: Call) -> Document:
        """Answer one of the caller's invitations."""
        action = call.json(InviteAction).action
        org_id = await self._organizations.respond(
            call.caller, call.path["inviteId"], accept=action == "accept"
        )
        return {"result": _DONE[action], "orgId": org_id}


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on the calling user."""
    calls = _Calls(services, Shown(services))
    declared: tuple[tuple[str, str, str, Any, type[Struct] | None], ...] = (
        ("GET", "", "get", calls.get, None),
        ("PATCH", "", "patch", calls.patch, MePatch),
        # Nobody is linked to an account elsewhere, so there is nothing to take apart.
        ("PATCH", "/disconnectGithub", "disconnectGithub", calls.get, None),
        ("POST", "/delete", "delete", calls.delete, UserCredentials),
        ("POST", "/verify-email", "verifyEmail", calls.verify_email, None),
        ("PATCH", "/changePassword", "changePassword", calls.change_password, ChangePassword),
        ("GET", "/refreshToken", "refreshToken", calls.refresh, None),
        ("GET", "/invites", "invites", calls.invites, None),
        ("GET", "/invites/{inviteId}", "invite", calls.invite, None),
        ("POST", "/invites/{inviteId}", "respondToInvite", calls.respond, InviteAction),
    )
    for method, path, verb, run, body in declared:
        yield Operation(
            method=method,
            path=f"/me{path}",
            scopes=for_operation(
                "me", verb, ("User",), reads=method == "GET" and verb != "refreshToken"
            ),
            run=run,
            name=f"me.{verb}",
            summary=_SUMMARIES[verb],
            body=body,
            parameters=PARAMETERS if verb in ("get", "patch", "disconnectGithub") else (),
        )


_SUMMARIES = {
    "get": "Read your account",
    "patch": "Change your account",
    "delete": "Delete your account",
    "disconnectGithub": "Unlink an account elsewhere: there is none",
    "verifyEmail": "Ask for a letter that verifies your address: it counts as verified",
    "changePassword": "Change your password; sessions end, a new one begins",
    "refreshToken": "Begin a new session",
    "invites": "List your invitations",
    "invite": "Read an invitation",
    "respondToInvite": "Accept or turn down an invitation",
}


def _signed(signed: SignedIn) -> Document:
    return {"userId": signed.account_id, "token": signed.token, "needsToVerifyEmail": False}
