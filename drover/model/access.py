"""Who is calling, and what their token lets them do."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta, Struct

from drover.model.errors import Unauthorized
from drover.model.fields import Id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ipaddress import IPv4Address, IPv6Address

CallerType = Literal["user", "apiToken", "device", "flow", "notebook", "system"]


class Role(StrEnum):
    """What an account, or a key of it, may do on this server."""

    ADMINISTRATOR = "administrator"  #: everything, and other accounts
    USER = "user"  #: whatever their own and their organisations' applications allow
    BEACON = "beacon"  #: a worker: takes the jobs of the account's users
    READ_ONLY = "readOnly"  #: looks, changes nothing


ACCOUNT_ROLES: Final = frozenset({Role.ADMINISTRATOR, Role.USER, Role.READ_ONLY})
"""The roles an account can have; a key can be a beacon too."""

KEY_ROLES: Final[Mapping[Role, frozenset[Role]]] = {
    Role.ADMINISTRATOR: frozenset(Role),
    Role.USER: frozenset({Role.USER, Role.BEACON, Role.READ_ONLY}),
    Role.BEACON: frozenset(),
    Role.READ_ONLY: frozenset({Role.READ_ONLY}),
}
"""Which keys an account may make: never above its own role."""


class MemberRole(StrEnum):
    """What a member may do in an organisation or in one application of it."""

    ADMIN = "admin"  #: everything, the organisation and its members too
    EDIT = "edit"  #: everything in applications, making and deleting them too
    COLLABORATE = "collaborate"  #: works in applications; no deleting of them, no credentials
    VIEW = "view"  #: looks
    NONE = "none"  #: sees nothing but what single applications allow


SANDBOX: Final = "sandbox"
"""Stands for the applications that a user owns, where limits name organisations by their ids."""

_REACH: Final = (
    MemberRole.NONE,
    MemberRole.VIEW,
    MemberRole.COLLABORATE,
    MemberRole.EDIT,
    MemberRole.ADMIN,
)

OwnerName = Annotated[str, Meta(pattern=r"^([A-Fa-f\d]{24}|sandbox)\Z")]


class LimitedRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The most that a token may be in one application or dashboard."""

    resource_id: Id
    role: Literal["collaborate", "view", "none"]


LimitedRoles = Annotated[tuple[LimitedRole, ...], Meta(max_length=100)]


class OrgRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The most that a token may be in one organisation, and in single applications of it."""

    org_id: OwnerName
    role: MemberRole
    application_roles: LimitedRoles = ()
    dashboard_roles: LimitedRoles = ()

    def role_in(self, application_id: str) -> MemberRole:
        """Return the role in one application."""
        for own in self.application_roles:
            if own.resource_id.lower() == application_id:
                return MemberRole(own.role)
        return self.role


OrgRoles = Annotated[tuple[OrgRole, ...], Meta(max_length=25)]


class RoleLimit(Struct, frozen=True, kw_only=True):
    """The most that a token may be; where an organisation is not listed, the default role."""

    default_role: MemberRole | None = None
    org_roles: OrgRoles = ()

    def __bool__(self) -> bool:
        return self.default_role is not None or bool(self.org_roles)

    def capped(self, role: MemberRole, org_id: str, application_id: str = "") -> MemberRole:
        """Return a role of the owner's, lowered to what the token may be.

        ``org_id`` is SANDBOX for what belongs to a user. An organisation that neither the list nor
        a default role covers is out of reach.
        """
        return min(role, self._most(org_id, application_id), key=_REACH.index)

    def _most(self, org_id: str, application_id: str) -> MemberRole:
        for own in self.org_roles:
            if own.org_id.lower() == org_id:
                return own.role_in(application_id)
        return self.default_role or MemberRole.NONE


class DeviceLimit(Struct, frozen=True, kw_only=True):
    """The devices an access key covers: those listed and those with one of the tags.

    A tag is key and value; None stands for any.
    """

    ids: frozenset[str] = frozenset()
    tags: frozenset[tuple[str | None, str | None]] = frozenset()

    def covers(self, device_id: str, tags: Iterable[tuple[str, str]]) -> bool:
        """Tell whether a device with these tags is covered."""
        return device_id in self.ids or any(
            wanted_key in (None, key) and wanted_value in (None, value)
            for key, value in tags
            for wanted_key, wanted_value in self.tags
        )


class AddressFilter(Struct, frozen=True, kw_only=True):
    """The addresses and CIDR blocks from which alone, or from which not, an access key counts."""

    listed: Literal["whitelist", "blacklist"]
    addresses: tuple[str, ...] = ()

    def allows(self, address: str) -> bool:
        """Tell whether an address passes; an unknown one passes no list."""
        peer = _parsed(address)
        if peer is None:
            return False
        found = any(peer in ip_network(each, strict=False) for each in self.addresses)
        return found == (self.listed == "whitelist")


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        peer = ip_address(address)
    except ValueError:
        return None
    return getattr(peer, "ipv4_mapped", None) or peer


def needs_second_factor(mode: str, role: MemberRole) -> bool:
    """Tell whether a member of a role needs a second factor where ``mfaMode`` is this."""
    return mode == "required" or (mode == "adminRequired" and role is MemberRole.ADMIN)


class Caller(Struct, frozen=True, kw_only=True):
    """The holder of a verified token.

    ``type`` and ``id`` are what a resource records as its source. A token of an application or a
    device carries its ``application_id``; one of an organisation its ``org_id``; a user's token,
    and an API token a user made, the ``user_id``. ``role`` is that of the account or the key;
    ``number`` and ``guid`` are the account's. A device's ``device_limit`` is None when its key
    covers the whole application, its ``address_filter`` when it counts from anywhere.
    ``role_limit`` is set where the token may do less than its owner.
    ``has_second_factor`` tells whether the account is signed in to with codes as well.
    ``revision`` says at which state of the access tables this was verified.
    """

    type: CallerType
    id: str
    scopes: frozenset[str]
    user_id: str | None = None
    org_id: str | None = None
    application_id: str | None = None
    device_id: str | None = None
    token_id: str | None = None
    is_administrator: bool = False
    role: Role = Role.USER
    number: int | None = None
    guid: str | None = None
    email: str | None = None
    device_limit: DeviceLimit | None = None
    address_filter: AddressFilter | None = None
    role_limit: RoleLimit | None = None
    has_second_factor: bool = False
    expires_ms: int | None = None
    revision: int = -1

    def holds(self, accepted: frozenset[str]) -> bool:
        """Tell whether the token holds at least one accepted scope."""
        return not self.scopes.isdisjoint(accepted)

    def may_call_from(self, address: str) -> bool:
        """Tell whether the access key behind a device's token counts from an address."""
        return self.address_filter is None or self.address_filter.allows(address)

    @property
    def is_device(self) -> bool:
        """A device, which sees itself and what its key covers."""
        return self.device_id is not None

    def covers_device(self, device_id: str, tags: Iterable[tuple[str, str]]) -> bool:
        """Tell whether a device with these tags is within sight; all are for other callers."""
        limit = self.device_limit
        return limit is None or device_id == self.device_id or limit.covers(device_id, tags)

    def may_report_for(self, device_id: str, parent_id: str | None) -> bool:
        """Tell whether state may be sent for a device: by itself or its gateway, if a device."""
        return not self.is_device or self.device_id in (device_id, parent_id)


def called_from(address: str, caller: Caller) -> Caller:
    """Return a caller; raises Unauthorized where their token does not count from an address."""
    if not caller.may_call_from(address):
        raise Unauthorized("Invalid access token")
    return caller


class Grant(Struct, frozen=True, kw_only=True):
    """What somebody may do with one application; ``member_role`` ADMIN is the owner's."""

    application_id: str
    member_role: MemberRole


_COLLABORATOR_CANNOT: Final = frozenset(
    {
        "application.delete",
        "application.import",
        "applicationApiToken.delete",
        "applicationApiToken.patch",
        "applicationApiTokens.post",
        "applicationKey.delete",
        "applicationKey.patch",
        "applicationKeys.post",
        "applicationCertificate.delete",
        "applicationCertificate.patch",
        "applicationCertificates.post",
        "applicationCertificateAuthority.delete",
        "applicationCertificateAuthority.patch",
        "applicationCertificateAuthorities.post",
        "credential.delete",
        "credential.patch",
        "credentials.post",
    }
)


def role_allows(role: MemberRole, accepted: frozenset[str], *, reads: bool) -> bool:
    """Tell whether a member may call an operation inside an application that they can see.

    ``accepted`` are the operation's scopes; ``reads`` that it changes nothing.
    """
    if role is MemberRole.COLLABORATE:
        return accepted.isdisjoint(_COLLABORATOR_CANNOT)
    return role in (MemberRole.ADMIN, MemberRole.EDIT) or (role is MemberRole.VIEW and reads)
