"""Users, as administrators see them: added, given another role or password, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.app.access.accounts import Accounts, NewAccount
from drover.faces.console._site import Site, act, page
from drover.model.access import ACCOUNT_ROLES, Role
from drover.model.accounts import Profile
from drover.model.errors import Conflict, DroverError, Invalid
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services
    from drover.faces.console._site import Visit
    from drover.faces.operation import Answer, Operation

USERS: Final = "/console/users"
ONE: Final = f"{USERS}/{{userId}}"
SHORTEST_PASSWORD: Final = 8
_LONGEST_PASSWORD: Final = 2048
_LONGEST_NAME: Final = 1024
_SECTION: Final = "users"


class _Pages:
    """The pages of users."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def list(self, visit: Visit) -> Answer:
        """List users."""
        return await self._list(visit)

    async def create(self, visit: Visit) -> Answer:
        """Add a user."""
        try:
            new = NewAccount(
                email=visit.given("email"),
                password=_password(visit),
                role=_role(visit),
                profile=Profile(
                    first_name=_text(visit, "first_name"), last_name=_text(visit, "last_name")
                ),
            )
            await self._accounts.create(visit.call.caller, new)
        except Invalid as error:
            return await self._list(visit, 400, error=error)
        return visit.go(USERS, done="user")

    async def show(self, visit: Visit) -> Answer:
        """Show a user."""
        return await self._show(visit)

    async def change(self, visit: Visit) -> Answer:
        """Change a user."""
        user_id = visit.call.path["userId"]
        try:
            changes: dict[str, Any] = {"email": visit.given("email"), "role": _role(visit)}
            if visit.form.get("password"):
                changes["password"] = _password(visit)
            await self._accounts.change(visit.call.caller, user_id, changes)
        except (Invalid, Conflict) as error:
            return await self._show(visit, 400, error=error)
        return visit.go(f"{USERS}/{user_id}", done="changed")

    async def delete(self, visit: Visit) -> Answer:
        """Delete a user."""
        try:
            await self._accounts.delete(visit.call.caller, visit.call.path["userId"])
        except Conflict as error:
            return await self._show(visit, 400, error=error)
        return visit.go(USERS, done="removed")

    async def _list(
        self, visit: Visit, status: int = 200, *, error: DroverError | None = None
    ) -> Answer:
        return visit.show(
            "users.html",
            _SECTION,
            status,
            users=await self._accounts.all(visit.call.caller),
            given=visit.form,
            **_words(error),
        )

    async def _show(
        self, visit: Visit, status: int = 200, *, error: DroverError | None = None
    ) -> Answer:
        caller = visit.call.caller
        user = await self._accounts.get(caller, visit.call.path["userId"])
        return visit.show(
            "user.html",
            _SECTION,
            status,
            user=user,
            itself=user.id == caller.user_id,
            here=f"{USERS}/{user.id}",
            **_words(error),
        )


def _words(error: DroverError | None) -> dict[str, Any]:
    return {
        "fault": error.message if error else "",
        "roles": sorted(role.value for role in ACCOUNT_ROLES),
        "shortest": SHORTEST_PASSWORD,
    }


def _password(visit: Visit) -> str:
    password = visit.form.get("password", "")
    if not SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        message = f"A password has {SHORTEST_PASSWORD} to {_LONGEST_PASSWORD} characters"
        raise Invalid(message, field="password")
    return password


def _role(visit: Visit) -> Role:
    try:
        return Role(visit.given("role"))
    except ValueError as error:
        raise Invalid("Choose a role", field="role") from error


def _text(visit: Visit, name: str) -> str | None:
    text = visit.given(name)
    if len(text) > _LONGEST_NAME:
        raise Invalid(f"A name has at most {_LONGEST_NAME} characters", field=name)
    return text or None


def _scopes(family: str, verb: str) -> frozenset[str]:
    return for_operation(family, verb, ("User",), reads=verb == "get")


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations, with the scopes of those on users elsewhere."""
    site, pages = Site.of(services), _Pages(services[Accounts])
    yield page(site, USERS, _scopes("adminUsers", "get"), pages.list)
    yield act(site, USERS, _scopes("adminUsers", "post"), pages.create)
    yield page(site, ONE, _scopes("adminUser", "get"), pages.show)
    yield act(site, ONE, _scopes("adminUser", "patch"), pages.change)
    yield act(site, f"{ONE}/delete", _scopes("adminUser", "delete"), pages.delete)
