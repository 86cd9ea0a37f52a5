"""Everything about access, put together for a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from drover.app.access.account_keys import AccountKeys
from drover.app.access.accounts import Accounts
from drover.app.access.admit import Gate
from drover.app.access.applications import EndAccess, find_devices
from drover.app.access.authenticate import Authenticator
from drover.app.access.bootstrap import Bootstrap
from drover.app.access.device_check import DeviceCheck
from drover.app.access.issue import IssueAccessKeys, IssueApiTokens
from drover.app.access.organizations import Organizations
from drover.app.access.passwords import Passwords
from drover.app.access.second_factor import SecondFactor
from drover.app.access.sessions import Sessions
from drover.app.access.shared_revisions import SharedRevisions
from drover.app.access.summary import Summaries
from drover.app.access.throttle import Throttle
from drover.app.access.tokens import ApiTokens

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from drover.app.applications import Applications
    from drover.app.catalog import Hook
    from drover.model.access import Caller
    from drover.ports.access import Revisions
    from drover.ports.clock import Clock, Ids
    from drover.ports.store import Store


@dataclass(frozen=True, kw_only=True)
class AccessServices:
    """The use cases about access."""

    gate: Gate
    authenticator: Authenticator
    devices: DeviceCheck
    sessions: Sessions
    accounts: Accounts
    organizations: Organizations
    tokens: ApiTokens
    account_keys: AccountKeys
    summaries: Summaries
    second_factor: SecondFactor
    passwords: Passwords
    revisions: Revisions
    throttle: Throttle
    hook: EndAccess
    key_hook: IssueAccessKeys
    token_hook: IssueApiTokens

    @property
    def hooks(self) -> dict[str, list[Hook]]:
        """What belongs to changes of resources, by kind."""
        return {
            "application": [self.hook],
            "device": [self.hook],
            "applicationKey": [self.key_hook],
            "applicationApiToken": [self.token_hook],
        }

    @property
    def services(self) -> tuple[object, ...]:
        """What faces ask for."""
        return (
            self.gate,
            self.authenticator,
            self.sessions,
            self.accounts,
            self.organizations,
            self.tokens,
            self.account_keys,
            self.summaries,
            self.second_factor,
        )

    def close(self) -> None:
        """Let the threads end and the store go."""
        self.passwords.close()
        self.revisions.close()


def build(
    store: Store,
    revisions: Revisions,
    ids: Ids,
    clock: Clock,
    hasher: PasswordHasher | None = None,
) -> AccessServices:
    """Return the use cases over a store; ``hasher`` replaces argon2's usual cost."""
    passwords, throttle = Passwords(hasher), Throttle(clock)
    revisions = SharedRevisions(revisions) if store.distant else revisions
    authenticator = Authenticator(store, revisions, clock, passwords, throttle)
    devices = DeviceCheck(store, revisions, throttle, find_devices)
    return AccessServices(
        gate=Gate(authenticator, store, devices),
        authenticator=authenticator,
        devices=devices,
        sessions=Sessions(store, ids, clock, authenticator, devices),
        accounts=Accounts(store, ids, clock, passwords, throttle),
        organizations=Organizations(store, ids, clock),
        tokens=ApiTokens(store, ids, clock),
        account_keys=AccountKeys(store, ids, clock),
        summaries=Summaries(store),
        second_factor=SecondFactor(store, ids, clock, authenticator),
        passwords=passwords,
        revisions=revisions,
        throttle=throttle,
        hook=EndAccess(),
        key_hook=IssueAccessKeys(ids),
        token_hook=IssueApiTokens(ids),
    )


def bootstrap(
    access: AccessServices, applications: Applications, store: Store, ids: Ids, clock: Clock
) -> Bootstrap:
    """Return what makes the first user, organisation and application of an empty store."""

    async def add_application(caller: Caller, organization_id: str, name: str, /) -> str:
        body = msgspec.json.encode({"name": name, "orgId": organization_id})
        document = msgspec.json.decode(await applications.create(caller, body))
        return str(document["id"])

    return Bootstrap(store, ids, clock, access.accounts, add_application)
