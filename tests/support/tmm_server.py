"""Beacon jobs over a database of the test's own: keys, a client, and the clocks moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.app.beacon_registry import BeaconRegistry
from drover.app.beacons import assembly
from drover.app.services import Services
from drover.engine.beacon_clocks import BeaconClocks
from drover.engine.scheduler import Scheduler
from drover.engine.service import Heart
from drover.engine.timing import Timing
from drover.faces import tmm
from drover.faces.http import HttpApp
from drover.faces.tmm import beacons as tmm_beacons
from drover.faces.tmm import jobs as tmm_jobs
from drover.model.access import Role
from drover.system import RandomIds
from tests.support.digi_server import DigiServer

if TYPE_CHECKING:
    import httpx

    from drover.store.driver import Database

ROOT = "/api/jobs"
LEASE_MS = 300_000
TASKS = '[{"cmd":"a"},{"cmd":"b"}]'
_ON_THE_WAY = {
    "picked_up": ("pickup",),
    "running": ("start",),
    "complete": ("end",),
    "canceled": ("cancel",),
    "canceling": ("start", "cancel"),
}

MEMBERS = {
    "id", "job_id", "name", "user", "user_guid", "beacon_name", "status", "cur_task", "total_tasks",
    "tasks", "add_time", "q_time", "pickup_time", "start_time", "end_time", "result",
    "duplicate_of", "scheduled", "schedule_active", "cancel_requested", "priority", "attempts",
    "worker", "lease_until", "error", "unique_key", "fence", "dead", "lease", "timeout", "labels",
    "retry_delay", "max_attempts", "callback_url",
}  # fmt: skip
"""What a document of a job holds."""


class TmmServer(DigiServer):
    """A server of beacon jobs; requests come with the administrator's key unless told otherwise."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        ids = RandomIds()
        self.heart = Heart(self.store, Timing(beacon_lease_ms=LEASE_MS), "test")
        self.store.scheduled = self.heart.signals.schedule.set
        self.beacons = assembly.build(self.heart, ids)
        self.registry = BeaconRegistry(self.store, self.clock, LEASE_MS)
        services = Services(*self.beacons.services, self.registry, *self.access.services)
        operations = [(each.face, each.operation) for each in self.app.routes.all]
        for module in (tmm_jobs, tmm_beacons):
            operations += [(tmm.FACE, each) for each in module.operations(services)]
        self.app = HttpApp(operations, self.access.gate)
        self.client = self.from_address("127.0.0.1")
        self.clocks = BeaconClocks(self.store, self.heart.signals, LEASE_MS)
        actions = assembly.actions(ids, self.heart.signals)
        self.scheduler = Scheduler(self.store, self.heart.timing, actions)
        self.userkey = ""

    async def begin(self) -> TmmServer:
        """Make the administrator, an application and the administrator's key."""
        await super().begin()
        self.userkey = await self.new_key(self.token, Role.ADMINISTRATOR)
        return self

    async def forget(self) -> None:
        """Forget all jobs, what is set for beacons, and all users but the administrator."""

        async def work(tx: Any) -> None:
            for text in (
                "DELETE FROM execution",
                "DELETE FROM schedule",
                "DELETE FROM beacon_setting",
                "DELETE FROM account WHERE number > 1",
                "UPDATE access_counter SET value = 1 WHERE name = 'account_number'",
                "UPDATE access_counter SET value = value + 1 WHERE name = 'revision'",
            ):
                await tx.execute_sql(text)

        await self.database.write(work)
        self.heart.signals.beacons.clear()

    async def new_key(self, token: str, role: Role = Role.USER) -> str:
        """Make a key with a role, for whoever holds a session, and return the userkey."""
        caller = await self.access.authenticator.authenticate(token)
        made = await self.access.account_keys.create(caller, "key", role)
        return made.userkey

    async def send(
        self, method: str, path: str = "", key: str | None = None, /, **options: Any
    ) -> httpx.Response:
        """Send a request with a key in its header."""
        headers = {"X-User-Key": self.userkey if key is None else key}
        headers |= options.pop("headers", {})
        return await self.client.request(method, ROOT + path, headers=headers, **options)

    async def done(
        self, method: str, path: str = "", key: str | None = None, /, **form: Any
    ) -> Any:
        """Send a form that must be taken, and return the JSON that answers."""
        options = {"data": form} if method == "POST" else {"params": form}
        answer = await self.send(method, path, key, **options)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    async def create(self, key: str | None = None, /, **form: Any) -> int:
        """Create a job that is queued, unless told otherwise; return its number."""
        job = await self.done("POST", "", key, **{"name": "job", "q": "1", **form})
        number: int = job["id"]
        return number

    async def job_in(self, state: str, **form: Any) -> int:
        """Create a job with two tasks and bring it into a state, or create a template."""
        if state == "template":
            return int((await self.done("POST", "", name="t", schedule="1"))["id"])
        form = {"tasks": TASKS, **({"q": "0"} if state == "new" else {}), **form}
        number = await self.create(**form)
        for action in _ON_THE_WAY.get(state, ()):
            await self.act(number, action)
        if state == "failed":
            await self.act(number, "end", failed="1")
        return number

    async def show(self, number: int, key: str | None = None) -> Any:
        """Return a job."""
        return await self.done("GET", f"/{number}", key)

    async def act(self, number: int, action: str, key: str | None = None, /, **form: Any) -> Any:
        """Do something to a job that must be allowed, and return the job."""
        return await self.done("POST", f"/{number}?action={action}", key, **form)

    async def refused(
        self, number: int, action: str, key: str | None = None, /, **form: Any
    ) -> tuple[int, str]:
        """Do something to a job; return status and code of the refusal."""
        answer = await self.send("POST", f"/{number}?action={action}", key, data=form)
        return answer.status_code, answer.json()["code"]

    async def set(self, number: int, **columns: Any) -> None:
        """Set columns of an execution, as if time had passed."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)

        async def work(tx: Any) -> None:
            await tx.execute_sql(
                f"UPDATE execution SET {sets} WHERE number = :number",  # noqa: S608 - of the test
                {**columns, "number": number},
            )

        await self.database.write(work)

    async def run_out(self, number: int) -> None:
        """Let a job's lease end, and look at the clocks."""
        await self.set(number, lease_until_ms=1)
        await self.clocks.tick()
