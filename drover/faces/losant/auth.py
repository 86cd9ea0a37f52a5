"""Signing in: the operations that need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from drover.app.access.device_check import DeviceCredentials
from drover.app.access.sessions import Sessions, Wish
from drover.faces.operation import Answer, Call, Operation
from drover.model.fields import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

Email = Annotated[str, Meta(max_length=1024)]
Password = Annotated[str, Meta(min_length=8, max_length=2048)]
SecretText = Annotated[str, Meta(max_length=2048)]
Ttl = Annotated[int, Meta(ge=0, le=3_153_600_000)]
"""Seconds a token lasts, at most a hundred years; 0 for ever."""
ScopeNames = Annotated[tuple[Annotated[str, Meta(max_length=1024)], ...], Meta(max_length=600)]


class UserCredentials(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What a user signs in with; the code is looked at where the user has a second factor."""

    email: Email
    password: Password
    two_factor_code: SecretText | UnsetType | None = UNSET
    requested_scopes: ScopeNames | UnsetType = UNSET
    token_ttl: Ttl | UnsetType = field(name="tokenTTL", default=UNSET)


class DeviceSignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a device signs in with."""

    device_id: Annotated[str, Meta(pattern=ID_PATTERN)]
    key: SecretText | UnsetType = UNSET
    secret: SecretText | UnsetType = UNSET
    requested_scopes: ScopeNames | UnsetType = UNSET
    token_ttl: Ttl | UnsetType = field(name="tokenTTL", default=UNSET)


class _Calls:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def user(self, call: Call) -> dict[str, Any]:
        """Begin a user's session."""
        given = call.json(UserCredentials)
        signed = await self._sessions.sign_in(
            given.email, given.password, _wish(given), call.address
        )
        return {"userId": signed.account_id, "token": signed.token, "needsToVerifyEmail": False}

    async def device(self, call: Call) -> dict[str, Any]:
        """Begin a device's session."""
        given = call.json(DeviceSignIn)
        credentials = DeviceCredentials(
            device_id=given.device_id.lower(), key=given.key or "", secret=given.secret or ""
        )
        known, token = await self._sessions.sign_in_device(credentials, _wish(given), call.address)
        return {
            "applicationId": known.key.application_id,
            "deviceId": known.device_id,
            "deviceClass": known.facts.device_class,
            "token": token,
            "ownerType": known.owner_type,
            "filterType": known.key.filter_type,
            "pubTopics": known.key.pub_topics,
            "subTopics": known.key.sub_topics,
        }

    async def sso_domain(self, call: Call) -> Answer:
        """Tell that no address signs in elsewhere."""
        call.text("email")
        return Answer(b"", 204)

    async def domain(self, call: Call) -> dict[str, str]:
        """Tell which server this is; the command-line client stores the answer."""
        return {
            "appUrl": f"{_scheme(call)}://{call.headers.get('host', '')}",
            "endpointDomain": call.headers.get("host", "").partition(":")[0],
        }


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations that need no token."""
    calls = _Calls(services[Sessions])
    yield Operation(
        method="POST",
        path="/auth/user",
        scopes=None,
        run=calls.user,
        name="auth.authenticateUser",
        summary="Sign in as a user",
        body=UserCredentials,
        max_body_bytes=65_536,
    )
    yield Operation(
        method="POST",
        path="/auth/device",
        scopes=None,
        run=calls.device,
        name="auth.authenticateDevice",
        summary="Sign in as a device",
        body=DeviceSignIn,
        max_body_bytes=65_536,
    )
    yield Operation(
        method="GET",
        path="/auth/ssoDomain",
        scopes=None,
        run=calls.sso_domain,
        name="auth.ssoDomain",
        summary="Tell whether an address signs in elsewhere: none does",
        status=204,
        parameters=("email",),
    )
    yield Operation(
        method="GET",
        path="/whitelabels/domain",
        scopes=None,
        run=calls.domain,
        name="whitelabels.domain",
        summary="Tell under which name this server is reached",
    )


def _wish(given: UserCredentials | DeviceSignIn) -> Wish:
    return Wish(
        scopes=None if given.requested_scopes is UNSET else given.requested_scopes,
        ttl_s=None if given.token_ttl is UNSET else given.token_ttl,
        code=getattr(given, "two_factor_code", None) or None,
    )


def _scheme(call: Call) -> str:
    forwarded = call.headers.get("x-forwarded-proto", "http")
    return forwarded if forwarded in ("http", "https") else "http"
