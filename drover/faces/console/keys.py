"""A visitor's keys for programs: made, with their secrets shown once, listed, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.access.account_keys import AccountKeys
from drover.faces.console._site import Site, act, page
from drover.model.access import KEY_ROLES, Role
from drover.model.errors import Conflict, DroverError, Forbidden, Invalid
from drover.model.instants import to_ms
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.access.account_keys import NewKey
    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

KEYS: Final = "/console/keys"
ROLES: Final = (
    (Role.USER, "does what you may do"),
    (Role.BEACON, "a worker: takes jobs and hands in their results"),
    (Role.READ_ONLY, "looks, changes nothing"),
    (Role.ADMINISTRATOR, "everything, and other users"),
)
_LONGEST_NAME: Final = 255
_USER: Final = ("User",)


class _Pages:
    """The page of a visitor's keys."""

    def __init__(self, keys: AccountKeys) -> None:
        self._keys = keys

    async def list(self, visit: Visit) -> Answer:
        """List your keys."""
        return await self._show(visit)

    async def create(self, visit: Visit) -> Answer:
        """Make a key and show its secrets, this once."""
        try:
            made = await self._keys.create(
                visit.call.caller, _name(visit), _role(visit), _expiry(visit)
            )
        except (Invalid, Forbidden, Conflict) as error:
            return await self._show(visit, 400, error=error)
        return await self._show(visit, made=made)

    async def revoke(self, visit: Visit) -> Answer:
        """Revoke a key."""
        await self._keys.delete(visit.call.caller, visit.call.path["keyId"])
        return visit.go(KEYS, done="revoked")

    async def _show(
        self,
        visit: Visit,
        status: int = 200,
        *,
        made: NewKey | None = None,
        error: DroverError | None = None,
    ) -> Answer:
        caller = visit.call.caller
        allowed = KEY_ROLES[caller.role]
        values: dict[str, Any] = {
            "keys": await self._keys.all(caller),
            "roles": [(role.value, text) for role, text in ROLES if role in allowed],
            "may_create": await visit.may(_scopes("userKeys", "post")),
            "may_revoke": await visit.may(_scopes("userKey", "delete")),
            "made": made,
            "fault": error.message if error else "",
            "given": visit.form,
        }
        return visit.show("keys.html", "keys", status, **values)


def _name(visit: Visit) -> str:
    name = visit.given("name")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise Invalid(f"A name has 1 to {_LONGEST_NAME} characters", field="name")
    return name


def _role(visit: Visit) -> Role:
    try:
        return Role(visit.given("role"))
    except ValueError as error:
        raise Invalid("Choose a role", field="role") from error


def _expiry(visit: Visit) -> int | None:
    """Return the end of the day until which a key is to be good, None for ever."""
    text = visit.given("until")
    return to_ms(f"{text}T23:59:59") if text else None


def _scopes(family: str, verb: str) -> frozenset[str]:
    return for_operation(family, verb, _USER, reads=verb == "get")


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations, with the scopes of those on keys elsewhere."""
    site, pages = Site.of(services), _Pages(services[AccountKeys])
    yield page(site, KEYS, _scopes("userKeys", "get"), pages.list)
    yield act(site, KEYS, _scopes("userKeys", "post"), pages.create)
    yield act(site, f"{KEYS}/{{keyId}}/revoke", _scopes("userKey", "delete"), pages.revoke)
