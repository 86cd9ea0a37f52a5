"""The inventory over a database of the test's own: its fleet, its jobs, and a client."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from drover.app.catalog import Catalog
from drover.app.inventory import JobInventory
from drover.app.inventory_bulk import BulkOperations
from drover.app.inventory_throttle import Allowance, RequestThrottle
from drover.app.services import Services
from drover.engine.signals import Signals
from drover.faces import digi
from drover.faces.digi import jobs as digi_jobs
from drover.faces.http import HttpApp
from drover.kinds.device import KIND as DEVICE
from drover.model.access import Caller, Role
from drover.model.run import RESOURCE_JOB, NewExecution, Target
from drover.store.inventory import InventoryRows
from drover.system import RandomIds
from tests.support.access_server import ADMIN, PASSWORD, AccessServer

if TYPE_CHECKING:
    from drover.store.driver import Database

ROOT = "/ws/v1/jobs"
SYSTEM = Caller(type="system", id="0" * 24, scopes=frozenset())


def basic(user: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
    """Return the header of a user and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class DigiServer(AccessServer):
    """A server of the inventory, signed in to as its administrator."""

    def __init__(self, database: Database, allowance: Allowance | None = None) -> None:
        super().__init__(database)
        self.database = database
        self.signals = Signals()
        rows = InventoryRows(database)
        self.bulk = self.bulk_worker("worker")
        self.inventory = JobInventory(self.store, rows, self.clock, self.bulk)
        self.throttle = RequestThrottle(self.clock, allowance or Allowance())
        self.catalog = self.services[Catalog]
        services = Services(self.inventory, self.throttle, *self.access.services)
        face = digi.FACE(services)
        operations = [(each.face, each.operation) for each in self.app.routes.all]
        operations += [(face, each) for each in digi_jobs.operations(services)]
        self.app = HttpApp(operations, self.access.gate)
        self.client = self.from_address("127.0.0.1")
        self.count = 0
        self.application_id = ""
        self.token = ""

    def bulk_worker(self, name: str) -> BulkOperations:
        """Return what goes through operations under a name of its own."""
        return BulkOperations(self.store, RandomIds(), self.signals, worker=name, lease_ms=30_000)

    async def begin(self) -> DigiServer:
        """Make the administrator and an application."""
        self.token = await self.start()
        self.application_id = await self.application(self.token)
        return self

    async def viewer(self, email: str) -> tuple[str, str]:
        """Return a session of a user, and an application that she may only look at."""
        org = await self.ok(self.token, "POST", "/orgs", {"name": "Works"})
        token = await self.user(self.token, email)
        invite = {"email": email, "role": "view"}
        await self.ok(self.token, "POST", f"/orgs/{org['id']}/invites", invite)
        (invited,) = await self.ok(token, "GET", "/me/invites")
        await self.ok(token, "POST", f"/me/invites/{invited['id']}", {"action": "accept"})
        return token, await self.application(self.token, orgId=org["id"])

    async def get(self, path: str = "/inventory", **query: str) -> Any:
        """Return the JSON of a request that must succeed."""
        answer = await self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, /, **query: str
    ) -> httpx.Response:
        """Send a request as the administrator, or with other headers."""
        return await self.client.request(
            method,
            ROOT + path,
            headers=basic() if headers is None else headers,
            params=query or None,
        )

    async def ids(self, query: str = "", **more: str) -> list[int]:
        """Return the ids of the jobs on a page."""
        return [job["id"] for job in (await self.get(query=query, **more))["list"]]

    async def device(self, name: str = "device", application_id: str = "", **tags: str) -> str:
        """Make a device with tags; several of one key are parted by semicolons."""
        pairs = [
            {"key": key.rstrip("_"), "value": value}
            for key, values in tags.items()
            for value in values.split(";")
            if value
        ]
        at = application_id or self.application_id
        body = msgspec.json.encode({"name": name, "tags": pairs})
        made = await self.catalog.create(SYSTEM, DEVICE, at, body)
        return str(msgspec.json.decode(made)["id"])

    async def job(self, *devices: str, state: str = "succeeded", **columns: Any) -> int:
        """Store an execution over devices, in a state, with some columns set; return its number."""
        self.count += 1
        new = NewExecution(
            **{
                "id": f"{self.count:024x}",
                "kind": RESOURCE_JOB,
                "name": f"Job {self.count}",
                "application_id": self.application_id,
                "detail": msgspec.json.encode(Target(resource_type="device")),
                **{name: columns.pop(name) for name in list(columns) if name in _NEW},
            }
        )
        stored = await self.store.write(
            lambda session: session.jobs.executions.add(new, self.clock.ms)
        )
        rows = [(stored.number, device) for device in devices]
        ended = state in ("succeeded", "failed", "canceled")
        values = {
            "state": state,
            "total": len(devices),
            "completed_ms": self.clock.ms if ended else None,
            **columns,
        }

        async def work(tx: Any) -> None:
            await tx.copy_rows("iteration", ("execution", "resource_id"), rows)
            sets = ", ".join(f"{name} = :{name}" for name in values)
            await tx.execute_sql(
                f"UPDATE execution SET {sets} WHERE number = :number",  # noqa: S608 - of the test
                {**values, "number": stored.number},
            )

        await self.database.write(work)
        return stored.number

    async def report(self, device: str, attribute: str, value: str) -> None:
        """Note what a device reported last."""
        row = [(device, attribute, 1, value)]
        columns = ("device_id", "attribute", "time_ms", "value")
        await self.database.write(lambda tx: tx.copy_rows("device_last", columns, row))

    async def key(self, role: Role = Role.USER) -> dict[str, str]:
        """Make an API key of the administrator and return its headers."""
        caller = await self.access.authenticator.authenticate(self.token)
        made = await self.access.account_keys.create(caller, "key", role)
        return {"X-API-KEY-ID": made.key.id, "X-API-KEY-SECRET": made.secret}


_NEW = frozenset(NewExecution.__struct_fields__) - {"state", "total", "error"}


async def fleet(server: DigiServer) -> list[int]:
    """Four jobs: of pump (succeeded), of both (failed), queued, running on the valve."""
    pump = await server.device("Pump", group="/NorthWest/Yakima", tag="Important;nsx")
    valve = await server.device("Valve", group="/test", tags="ops", signal_percent="20")
    return [
        await server.job(pump, succeeded=1),
        await server.job(pump, valve, failed=2, error="Device Not Connected"),
        await server.job(state="queued"),
        await server.job(valve, state="running"),
    ]
