"""The first start: an administrator, an organisation and an application, on an empty store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import structlog
from msgspec import Struct

from drover.app.access.accounts import NewAccount
from drover.app.access.organizations import add_organization
from drover.model.access import Caller, Role
from drover.model.accounts import Organization
from drover.model.scopes import DEFAULT

if TYPE_CHECKING:
    from drover.app.access.accounts import Accounts
    from drover.model.accounts import Account
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Session, Store

DEFAULT_EMAIL: Final = "admin@drover.local"
ORGANIZATION_NAME: Final = "My organization"
APPLICATION_NAME: Final = "My fleet"

_log = structlog.get_logger("drover.access")


class Created(Struct, frozen=True, kw_only=True):
    """What the first start made; ``password`` is there when it was generated, this once."""

    account_id: str
    email: str
    organization_id: str
    application_id: str
    password: str | None = None


class AddApplication(Protocol):
    """Makes an application."""

    async def __call__(self, caller: Caller, organization_id: str, name: str, /) -> str:
        """Return its id."""
        ...


class Bootstrap:
    """Makes what a new server starts with."""

    def __init__(
        self,
        store: Store,
        ids: Ids,
        clock: Clock,
        accounts: Accounts,
        add_application: AddApplication,
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._accounts = accounts
        self._add_application = add_application

    async def run(self, email: str | None = None, password: str | None = None) -> Created | None:
        """Make the administrator, an organisation and an application, unless there are users.

        Several servers may start on one empty store: one of them does it, the others get None.
        Raises Invalid for a bad e-mail or password.
        """
        if await self._store.read(lambda session: session.access.accounts.count()):
            return None
        generated = None if password else self._ids.secret(18)
        account = await self._accounts.prepare(
            NewAccount(
                email=email or DEFAULT_EMAIL,
                password=password or generated or "",
                role=Role.ADMINISTRATOR,
            )
        )
        organization_id = self._ids.new()
        made = await self._store.write(
            lambda session: self._first(session, account, organization_id)
        )
        if made is None:
            return None
        caller = Caller(
            type="user",
            id=made.id,
            user_id=made.id,
            scopes=DEFAULT["user"],
            is_administrator=True,
            role=Role.ADMINISTRATOR,
            email=made.email,
        )
        application_id = await self._add_application(caller, organization_id, APPLICATION_NAME)
        _log.info("access.bootstrapped", account_id=made.id, email=made.email)
        return Created(
            account_id=made.id,
            email=made.email,
            organization_id=organization_id,
            application_id=application_id,
            password=generated,
        )

    async def _first(
        self, session: Session, account: Account, organization_id: str
    ) -> Account | None:
        await session.access.raise_revision()
        if await session.access.accounts.count():
            return None
        made = await session.access.accounts.add(account)
        now_ms = self._clock.now_ms()
        organization = Organization(
            id=organization_id, name=ORGANIZATION_NAME, created_ms=now_ms, updated_ms=now_ms
        )
        await add_organization(session, organization, made.id)
        return made
