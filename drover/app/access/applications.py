"""How applications and devices tie in with access: who may make them, and what ends with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.app.access.admit import lacks_second_factor
from drover.app.access.device_check import DeviceFacts
from drover.app.catalog import QuietHook
from drover.kinds.device import KIND as DEVICE
from drover.model.access import SANDBOX, MemberRole, Role
from drover.model.fields import Tag
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.store import Session


async def owners_for(session: Session, caller: Caller) -> Mapping[str, str]:
    """Return who may own an application that the caller makes: owner type by owner id.

    That is the user, and each organisation in which they are administrator or editor, as far as the
    token's limit of roles allows.
    """
    owners: dict[str, str] = {}
    if caller.org_id is not None and _may_make(caller, MemberRole.ADMIN, caller.org_id):
        owners[caller.org_id] = "organization"
    if caller.user_id is None or caller.role in (Role.READ_ONLY, Role.BEACON):
        return owners
    if _may_make(caller, MemberRole.ADMIN, SANDBOX):
        owners[caller.user_id] = "user"
    for organization in await session.access.organizations.of_account(caller.user_id):
        member = await session.access.organizations.find_member(organization.id, caller.user_id)
        if member is None or lacks_second_factor(caller, organization.mfa_mode, member):
            continue
        if _may_make(caller, member.role, organization.id):
            owners[organization.id] = "organization"
    return owners


def _may_make(caller: Caller, role: MemberRole, org_id: str) -> bool:
    limit = caller.role_limit
    most = role if limit is None else limit.capped(role, org_id)
    return most in (MemberRole.ADMIN, MemberRole.EDIT)


class _Shown(Struct, rename="camel"):
    """What is read of a device: the rest of its document is passed over."""

    id: str
    device_class: str
    tags: list[Tag] = []
    deleted_at: str | None = None


_SHOWN: Final = msgspec.json.Decoder(_Shown)


async def find_devices(
    session: Session, application_id: str, ids: Sequence[str]
) -> Mapping[str, DeviceFacts]:
    """Return what signing in needs to know about devices, by id."""
    wanted = list(dict.fromkeys(ids))
    # One more than there can be, so that a full page is known to be all without counting.
    listing = Listing(sort_field="id", limit=len(wanted) + 1, among={"id": wanted})
    page = await session.resources.page_bytes(DEVICE, application_id, listing)
    found = [_SHOWN.decode(each) for each in page.items]
    return {
        each.id: DeviceFacts(
            device_class=each.device_class,
            tags=frozenset((tag.key, tag.value) for tag in each.tags),
        )
        for each in found
        if not each.deleted_at
    }


class EndAccess(QuietHook):
    """Ends what hangs on a deleted application or device, in the same unit of work."""

    async def after(
        self, session: Session, _caller: Caller, kind: Kind[Any], old: Any, new: Any, /
    ) -> None:
        """Void tokens of what was deleted."""
        if new is not None:
            return
        if kind.one == DEVICE.one:
            await session.access.tokens.end_sessions("device", old.id)
        await session.access.raise_revision()
