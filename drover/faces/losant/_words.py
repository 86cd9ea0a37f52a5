"""How accounts, organisations, tokens and keys look in this dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.faces.losant._records import Document, without_none
from drover.model.access import needs_second_factor
from drover.model.instants import to_text

if TYPE_CHECKING:
    from drover.app.access.organizations import Overview
    from drover.model.accounts import (
        Account,
        AccountKey,
        Invite,
        Member,
        Organization,
        Token,
    )

_PROFILE = {
    "first_name": "firstName",
    "last_name": "lastName",
    "company_name": "companyName",
    "title": "title",
    "phone_number": "phoneNumber",
    "location": "location",
    "url": "url",
}


def account(value: Account) -> Document:
    """Return a user as shown to themselves and to administrators."""
    profile = {wire: getattr(value.profile, name) for name, wire in _PROFILE.items()}
    return without_none(
        {
            "id": value.id,
            "userId": value.id,
            "number": value.number,
            "guid": value.guid,
            "role": value.role,
            "email": value.email,
            **profile,
            "fullName": value.full_name,
            "creationDate": to_text(value.created_ms),
            "lastUpdated": to_text(value.updated_ms),
            "passwordLastUpdated": to_text(value.password_updated_ms),
            "tokenCutoff": to_text(value.token_cutoff_ms) if value.token_cutoff_ms else None,
            "emailVerified": True,
            "needsToVerifyEmail": False,
            "twoFactorAuthEnabled": value.has_second_factor,
            "ssoLinked": False,
        }
    )


def account_key(value: AccountKey) -> Document:
    """Return a user's key without its secrets."""
    return without_none(
        {
            "id": value.id,
            "keyId": value.id,
            "name": value.name,
            "role": value.role,
            "userId": value.account_id,
            "creationDate": to_text(value.created_ms),
            "expirationDate": None if value.expires_ms is None else to_text(value.expires_ms),
        }
    )


def token(value: Token) -> Document:
    """Return an API token without its text."""
    return without_none(
        {
            "id": value.id,
            "apiTokenId": value.id,
            "ownerId": value.owner_id,
            "ownerType": value.owner_type,
            "creatorId": value.creator_id,
            "creatorType": value.creator_type,
            "creatorName": value.creator_name,
            "name": value.name,
            "description": value.description,
            "creationDate": to_text(value.created_ms),
            "lastUpdated": to_text(value.updated_ms),
            "expirationDate": None if value.expires_ms is None else to_text(value.expires_ms),
            "defaultRole": value.role_limit.default_role,
            "orgRoles": msgspec.to_builtins(value.role_limit.org_roles) or None,
            "scope": value.scopes,
            "status": value.status,
        }
    )


def organization(value: Overview) -> Document:
    """Return an organisation with its members."""
    own = value.organization
    return without_none(
        {
            "id": own.id,
            "orgId": own.id,
            "name": own.name,
            "description": own.description,
            "planId": own.plan_id,
            "billingEmail": own.billing_email,
            "iconColor": own.icon_color,
            "mfaMode": own.mfa_mode,
            "creationDate": to_text(own.created_ms),
            "lastUpdated": to_text(own.updated_ms),
            "members": [_member(*each) for each in value.members],
        }
    )


def invite(value: Invite, now_ms: int) -> Document:
    """Return an invitation as the organisation sees it."""
    return {
        "id": value.id,
        "email": value.email,
        "role": value.role,
        "applicationRoles": msgspec.to_builtins(value.application_roles),
        "dashboardRoles": msgspec.to_builtins(value.dashboard_roles),
        "inviteDate": to_text(value.created_ms),
        "ttl": value.expires_ms - value.created_ms,
        "hasExpired": value.expires_ms <= now_ms,
        "disallowTransfer": value.disallow_transfer,
    }


def own_invite(value: Invite, own: Organization, invited_by: str | None, now_ms: int) -> Document:
    """Return an invitation as the invited user sees it."""
    shown: dict[str, Any] = {
        "id": value.id,
        "orgName": own.name,
        "role": value.role,
        "requiresMFA": needs_second_factor(own.mfa_mode, value.role),
        "inviteDate": to_text(value.created_ms),
        "ttl": value.expires_ms - value.created_ms,
        "expired": value.expires_ms <= now_ms,
    }
    if invited_by is not None:
        shown["invitedBy"] = {"fullName": invited_by, "email": invited_by}
    return shown


def _member(member: Member, own: Account) -> Document:
    return without_none(
        {
            "userId": own.id,
            "email": own.email,
            "firstName": own.profile.first_name,
            "lastName": own.profile.last_name,
            "role": member.role,
            "applicationRoles": msgspec.to_builtins(member.application_roles),
            "dashboardRoles": msgspec.to_builtins(member.dashboard_roles),
            "twoFactorAuthEnabled": own.has_second_factor,
            "ssoLinked": False,
        }
    )
