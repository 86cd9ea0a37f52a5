"""What the access tables hold: accounts, organisations, tokens and keys, as plain values.

Secrets appear here as digests and hashes only.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from drover.model.access import MemberRole, Role, RoleLimit

OwnerType = Literal["user", "organization"]
TokenOwner = Literal["user", "organization", "application", "device"]
TokenKind = Literal["session", "api"]
Status = Literal["active", "inactive"]


class Profile(Struct, frozen=True, kw_only=True):
    """What a user tells about themselves; no rule looks at it."""

    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    title: str | None = None
    phone_number: str | None = None
    location: str | None = None
    url: str | None = None


class Account(Struct, frozen=True, kw_only=True):
    """A user. ``email`` is lower case; sessions begun before ``token_cutoff_ms`` are void.

    ``two_factor_key`` is set where signing in takes a code of the user's authenticator app too.
    """

    id: str
    number: int
    guid: str
    email: str
    role: Role
    password_hash: str
    created_ms: int
    updated_ms: int
    password_updated_ms: int
    token_cutoff_ms: int = 0
    two_factor_key: str | None = None
    profile: Profile = Profile()

    @property
    def has_second_factor(self) -> bool:
        """Whether signing in takes a code too."""
        return self.two_factor_key is not None

    @property
    def full_name(self) -> str:
        """The name to show, the e-mail when none is given."""
        names = (self.profile.first_name, self.profile.last_name)
        return " ".join(filter(None, names)) or self.email


class AccountKey(Struct, frozen=True, kw_only=True):
    """A named key of an account for the dialects that sign in with each request.

    ``id`` and a secret serve one way of signing in, the userkey alone the other.
    """

    id: str
    account_id: str
    name: str
    role: Role
    secret_digest: str
    userkey_digest: str
    created_ms: int
    expires_ms: int | None = None


class ResourceRole(Struct, frozen=True, kw_only=True, rename="camel"):
    """A member's role in one application or dashboard, instead of that in the organisation."""

    resource_id: str
    role: MemberRole


class Organization(Struct, frozen=True, kw_only=True):
    """A group of users that owns applications together."""

    id: str
    name: str
    created_ms: int
    updated_ms: int
    description: str | None = None
    plan_id: str | None = None
    billing_email: str | None = None
    icon_color: str | None = None
    mfa_mode: str = "notRequired"


class Member(Struct, frozen=True, kw_only=True):
    """One user in one organisation."""

    organization_id: str
    account_id: str
    role: MemberRole
    application_roles: tuple[ResourceRole, ...] = ()
    dashboard_roles: tuple[ResourceRole, ...] = ()

    def role_in(self, application_id: str) -> MemberRole:
        """Return the role in one application; administrators and editors keep theirs in all."""
        if self.role in (MemberRole.ADMIN, MemberRole.EDIT):
            return self.role
        for own in self.application_roles:
            if own.resource_id == application_id:
                return own.role
        return self.role


class Invite(Struct, frozen=True, kw_only=True):
    """An open invitation of an e-mail address into an organisation."""

    id: str
    organization_id: str
    email: str
    role: MemberRole
    token_digest: str
    invited_by: str | None
    created_ms: int
    expires_ms: int
    application_roles: tuple[ResourceRole, ...] = ()
    dashboard_roles: tuple[ResourceRole, ...] = ()
    disallow_transfer: bool = False


class Token(Struct, frozen=True, kw_only=True):
    """A token, without its text.

    ``account_id`` is set when it acts as a user, ``application_id`` when it is bound to one
    application, ``access_key_id`` when a device got it with that key. No ``expires_ms``: for ever.
    """

    id: str
    digest: str
    kind: TokenKind
    owner_type: TokenOwner
    owner_id: str
    scopes: tuple[str, ...]
    created_ms: int
    updated_ms: int
    name: str = ""
    description: str | None = None
    status: Status = "active"
    expires_ms: int | None = None
    account_id: str | None = None
    application_id: str | None = None
    access_key_id: str | None = None
    creator_type: str = "user"
    creator_id: str = ""
    creator_name: str | None = None
    role_limit: RoleLimit = RoleLimit()


class DeviceTag(Struct, frozen=True, kw_only=True):
    """A tag that puts a device within the reach of an access key; what is left out may be any."""

    key: str | None = None
    value: str | None = None


class AccessKey(Struct, frozen=True, kw_only=True):
    """The credentials that devices of an application share, and how far they reach."""

    id: str
    application_id: str
    key: str
    secret_digest: str
    created_ms: int
    status: Status = "active"
    device_ids: tuple[str, ...] = ()
    device_tags: tuple[DeviceTag, ...] = ()
    filter_type: Literal["all", "whitelist", "blacklist", "none"] = "all"
    pub_topics: tuple[str, ...] = ()
    sub_topics: tuple[str, ...] = ()
    address_filter_type: Literal["all", "whitelist", "blacklist"] = "all"
    addresses: tuple[str, ...] = ()


class Owner(Struct, frozen=True, kw_only=True):
    """Whose an application is."""

    application_id: str
    type: OwnerType
    id: str
