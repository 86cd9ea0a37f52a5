"""The HTTP application with real access control, over a database and a clock of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from argon2 import PasswordHasher

import drover.kinds
from drover.app.access.admit import visible_applications
from drover.app.access.applications import owners_for
from drover.app.access.assembly import bootstrap, build
from drover.app.assembly import Surroundings, library
from drover.app.services import Services
from drover.discover import discover
from drover.faces import losant
from drover.faces.http import HttpApp
from drover.faces.losant import (
    admin,
    applications,
    auth,
    devices,
    me,
    me_security,
    orgs,
    resources,
    tokens,
)
from drover.model.kind import Kind
from drover.store.access import revisions_of
from drover.store.session import SqlStore
from drover.system import RandomIds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.store.driver import Database

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "Correct-horse-9"
ADMIN = "admin@example.com"


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms

    def advance(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


class AccessServer:
    """The parts of a server, and a client of it inside this process."""

    def __init__(self, database: Database, clock: Any = None) -> None:
        self.clock = clock or FakeClock()
        self.store, ids = SqlStore(database), RandomIds()
        self.access = build(self.store, revisions_of(database), ids, self.clock, hasher=CHEAP)
        around = Surroundings(
            store=self.store,
            ids=ids,
            clock=self.clock,
            kinds=discover(drover.kinds, "KIND", Kind),
            hasher=self.access.passwords,
            owners=owners_for,
            seen=visible_applications,
        )
        shelf = library(around, [self.access.hooks])
        first = bootstrap(self.access, shelf.applications, self.store, ids, self.clock)
        self.bootstrap = first
        self.services = Services(*shelf.services, *self.access.services)
        modules = (admin, applications, auth, devices, me, me_security, orgs, resources, tokens)
        found = [each for module in modules for each in module.operations(self.services)]
        own = {(each.method, each.path) for each in found if not each.gives_way}
        operations = [
            (losant.FACE, each)
            for each in found
            if not each.gives_way or (each.method, each.path) not in own
        ]
        self.app = HttpApp(operations, self.access.gate)
        self.client = self.from_address("127.0.0.1")

    def from_address(self, address: str) -> httpx.AsyncClient:
        """Return a client with another address."""
        transport = httpx.ASGITransport(app=self.app, client=(address, 1))  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url="http://drover.test")

    async def close(self) -> None:
        await self.client.aclose()
        self.access.close()

    async def call(
        self, token: str | None, method: str, path: str, body: Any = None, /, **query: Any
    ) -> httpx.Response:
        """Send a request with a token."""
        headers: Mapping[str, str] = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(
            method, path, headers=headers, json=body, params=query or None
        )

    async def ok(self, token: str | None, method: str, path: str, body: Any = None) -> Any:
        """Send a request that must succeed and return its JSON."""
        answer = await self.call(token, method, path, body)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json()

    async def sign_in(self, email: str = ADMIN, password: str = PASSWORD, **more: Any) -> str:
        """Return the token of a new session."""
        body = {"email": email, "password": password, **more}
        return str((await self.ok(None, "POST", "/auth/user", body))["token"])

    async def start(self) -> str:
        """Make the first administrator and return a session of theirs."""
        await self.bootstrap.run(ADMIN, PASSWORD)
        return await self.sign_in()

    async def user(self, admin: str, email: str, role: str = "user") -> str:
        """Make a user and return a session of theirs."""
        body = {"email": email, "password": PASSWORD, "role": role}
        await self.ok(admin, "POST", "/admin/users", body)
        return await self.sign_in(email)

    async def application(self, token: str, **fields: Any) -> str:
        """Make an application and return its id."""
        made = await self.ok(token, "POST", "/applications", {"name": "Plant", **fields})
        return str(made["id"])
