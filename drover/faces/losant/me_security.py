"""The calling user's second factor, recent items, and what they and organisations give away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.access.second_factor import SecondFactor
from drover.app.recent import ItemType, RecentItems
from drover.app.transfers import Transfer, Transfers
from drover.faces.losant._me import PARAMETERS, Shown, proof_of, recent_list
from drover.faces.losant.auth import Password, SecretText
from drover.faces.operation import Call, Operation
from drover.model.accounts import OwnerType
from drover.model.errors import Invalid
from drover.model.fields import Id, Ids
from drover.model.one_time_codes import KEY_PATTERN
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.losant._records import Document

_TYPES: Final = get_args(ItemType)


class MultiFactorAuthEnable(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The password, a key that was offered, and a code of it."""

    password: Password
    two_factor_code: SecretText
    two_factor_auth_key: Annotated[str, Meta(pattern=KEY_PATTERN)] | UnsetType = UNSET


class MultiFactorAuthDisable(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The password and a code."""

    password: Password
    two_factor_code: SecretText


class RecentItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Something that was looked at; what is in an application names it as its parent."""

    item_type: ItemType
    item_id: Id
    parent_id: Id | UnsetType = UNSET


class ResourceTransfer(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What changes hands, and whose it is to be."""

    destination_id: Id
    destination_type: OwnerType
    application_ids: Ids = ()
    dashboard_ids: Ids = ()
    strict: bool = False


class _Calls:
    """The operations over the use cases."""

    def __init__(self, services: Services) -> None:
        self._factor = services[SecondFactor]
        self._recent = services[RecentItems]
        self._transfers = services[Transfers]
        self._shown = Shown(services)

    async def offer(self, call: Call) -> dict[str, str]:
        """Return a new key."""
        key, uri = self._factor.offer(call.caller)
        return {"key": key, "keyUri": uri}

    async def enable(self, call: Call) -> Document:
        """Require codes of a key."""
        given = call.json(MultiFactorAuthEnable)
        if not given.two_factor_auth_key:
            message = "Object missing required field `twoFactorAuthKey`"
            raise Invalid(message, field="twoFactorAuthKey")
        account = await self._factor.enable(call.caller, given.two_factor_auth_key, proof_of(given))
        return await self._shown.me(call, account)

    async def disable(self, call: Call) -> Document:
        """Require no codes any more."""
        given = call.json(MultiFactorAuthDisable)
        return await self._shown.me(call, await self._factor.disable(call.caller, proof_of(given)))

    async def add_recent(self, call: Call) -> Document:
        """Put an item at the top of its list."""
        given = call.json(RecentItem)
        parent_id = given.parent_id.lower() if given.parent_id else None
        found = await self._recent.add(
            call.caller, given.item_type, parent_id, given.item_id.lower()
        )
        return recent_list(given.item_type, parent_id, found)

    async def recent(self, call: Call) -> Document:
        """Return one list."""
        item_type: Any = call.choice("itemType", _TYPES, "")
        if not item_type:
            raise Invalid("itemType is required", field="itemType")
        parent_id = call.id("parentId")
        found = await self._recent.all(call.caller, item_type, parent_id)
        return recent_list(item_type, parent_id, found)

    async def transfer_own(self, call: Call) -> dict[str, bool]:
        """Give away what the caller owns."""
        await self._transfers.from_user(call.caller, _transfer(call))
        return {"success": True}

    async def transfer(self, call: Call) -> dict[str, bool]:
        """Give away what an organisation owns."""
        await self._transfers.from_organization(call.caller, call.path["orgId"], _transfer(call))
        return {"success": True}


def _transfer(call: Call) -> Transfer:
    given = call.json(ResourceTransfer)
    if not given.application_ids and not given.dashboard_ids:
        raise Invalid("applicationIds or dashboardIds is required", field="applicationIds")
    return Transfer(
        to_type=given.destination_type,
        to_id=given.destination_id.lower(),
        application_ids=tuple(each.lower() for each in given.application_ids),
        dashboard_ids=tuple(each.lower() for each in given.dashboard_ids),
        strict=given.strict,
    )


def operations(services: Services) -> Iterator[Operation]:
    """Yield these operations."""
    calls = _Calls(services)
    declared: tuple[tuple[str, str, str, Any, type[Struct] | None], ...] = (
        ("PATCH", "generateTwoFactorAuth", "generateTwoFactorAuth", calls.offer, None),
        (
            "PATCH",
            "enableTwoFactorAuth",
            "enableTwoFactorAuth",
            calls.enable,
            MultiFactorAuthEnable,
        ),
        (
            "PATCH",
            "disableTwoFactorAuth",
            "disableTwoFactorAuth",
            calls.disable,
            MultiFactorAuthDisable,
        ),
        ("POST", "recentItems", "addRecentItem", calls.add_recent, RecentItem),
        ("GET", "recentItems", "fetchRecentItems", calls.recent, None),
        ("PATCH", "transferResources", "transferResources", calls.transfer_own, ResourceTransfer),
    )
    for method, part, verb, run, body in declared:
        yield Operation(
            method=method,
            path=f"/me/{part}",
            scopes=for_operation("me", verb, ("User",), reads=method == "GET"),
            run=run,
            name=f"me.{verb}",
            summary=_SUMMARIES[verb],
            body=body,
            parameters=_PARAMETERS.get(verb, ()),
        )
    yield _given_away(calls)


def _given_away(calls: _Calls) -> Operation:
    return Operation(
        method="PATCH",
        path="/orgs/{orgId}/transferResources",
        scopes=for_operation("org", "transferResources", ("Organization", "User")),
        run=calls.transfer,
        name="org.transferResources",
        summary="Give applications and dashboards of an organization to another owner",
        body=ResourceTransfer,
    )


_PARAMETERS: Final = {
    "enableTwoFactorAuth": PARAMETERS,
    "disableTwoFactorAuth": PARAMETERS,
    "fetchRecentItems": ("itemType", "parentId"),
}
_SUMMARIES: Final = {
    "generateTwoFactorAuth": "Make a key for an authenticator app",
    "enableTwoFactorAuth": "Require a code of an authenticator app at sign-in",
    "disableTwoFactorAuth": "Require no code at sign-in any more",
    "addRecentItem": "Note that you looked at something",
    "fetchRecentItems": "List what you looked at lately",
    "transferResources": "Give your applications and dashboards to another owner",
}
