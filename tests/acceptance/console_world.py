"""A server for the console's tests: a fleet, a job, people of each role, and their browsers."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import contextmanager
from queue import Queue
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from drover.client import Client
from drover.config import Settings
from drover.server.assembly import Server
from drover.server.configured import url_of
from drover.server.process import bind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMAIL = "demo@example.com"

PASSWORD = "correct horse battery 9"
SETTINGS: dict[str, Any] = {
    "mqtt_port": 0,
    "min_iteration_timeout_ms": 200,
    "heartbeat_seconds": 0.5,
    "sweep_seconds": 0.2,
    "workers": 1,
    "script_workers": 1,
}
NASTY = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'{{7*7}}"
"""A name that would run, were it not escaped."""


class ConsoleWorld:
    """A running server with an application, and what tests ask of it as programs."""

    def __init__(self, client: Client) -> None:
        self.url = client.url
        self.api = client
        self.application_id = client.get("/applications")["items"][0]["id"]
        self.base = f"/applications/{self.application_id}"

    def at(self, path: str = "") -> str:
        """Return the address of a page of the application."""
        return f"/console{self.base}{path}"

    def devices(self, count: int, prefix: str) -> list[str]:
        """Make devices and return their ids."""
        bodies = [
            {"name": f"{prefix} {number}", "tags": [{"key": "site", "value": prefix}]}
            for number in range(count)
        ]
        return list(self.api.post(f"{self.base}/devices/batch", {"devices": bodies})["deviceIds"])

    def job(self, name: str, prefix: str, **settings: Any) -> str:
        """Make a job over the devices of a prefix and return its id."""
        query = '{"tags": {"$tagKey": "site", "$tagValue": "%s"}}' % prefix  # noqa: UP031 - braces
        body = {
            "name": name,
            "resourceType": "device",
            "queryJson": query,
            "maxIterationConcurrency": 100,
            "iterationTimeout": 600_000,
            **settings,
        }
        return str(self.api.post(f"{self.base}/resource-jobs", body)["id"])

    def execute(self, job_id: str) -> str:
        """Run a job and return the path of its execution, below the application's."""
        job = f"/resource-jobs/{job_id}"
        return f"{job}/executions/{self.api.post(f'{self.base}{job}/execute')['executionId']}"

    def waiting(self, name: str, prefix: str, count: int, **settings: Any) -> str:
        """Make an execution over new devices, all of which wait to be acknowledged."""
        self.devices(count, prefix)
        execution = self.execute(self.job(name, prefix, **settings))
        eventually(lambda: len(self.iterations(execution)) == count)
        return execution

    def iterations(self, execution: str, status: str = "inProgress") -> list[str]:
        """Return the paths of the iterations of an execution that have a status."""
        path = f"{self.base}{execution}/iterations"
        found = self.api.get(path, status=status, limit=1000)["items"]
        return [f"{path}/{each['iterationId']}" for each in found]

    def acknowledge(self, iteration: str, message: str | None = None, *, ok: bool = True) -> None:
        """End an iteration."""
        body = {"success": ok} | ({"message": message} if message else {})
        self.api.post(f"{iteration}/acknowledge", body)

    def status(self, execution: str) -> str:
        """Return the status of an execution."""
        return str(self.api.get(f"{self.base}{execution}")["status"])

    def user(self, email: str, role: str = "user") -> str:
        """Make a user and return their id."""
        body = {"email": email, "password": PASSWORD, "role": role}
        return str(self.api.post("/admin/users", body)["userId"])

    @contextmanager
    def browser(self, email: str = EMAIL, password: str = PASSWORD) -> Iterator[httpx.Client]:
        """Return a client that keeps cookies, as a browser does, signed in to the console."""
        with httpx.Client(base_url=self.url, timeout=60) as client:
            answer = send(client, "/console/sign-in", email=email, password=password)
            assert answer.status_code == 303, answer.text
            yield client


@contextmanager
def console_world(folder: Path) -> Iterator[ConsoleWorld]:
    """Run a server, whole but in a thread of its own, until the block ends."""
    settings = Settings(
        data_dir=str(folder), port=0, admin_email=EMAIL, admin_password=PASSWORD, **SETTINGS
    )
    ready: Queue[tuple[str, uvicorn.Server]] = Queue()

    async def main() -> None:
        listening = bind(settings.host, settings.port)
        server = Server(settings, url_of(settings, listening.getsockname()[1]))
        try:
            await server.open()
            listener = uvicorn.Server(
                uvicorn.Config(
                    server.app, ws="none", log_config=None, access_log=False, lifespan="off"
                )
            )
            ready.put((server.url, listener))
            await listener.serve(sockets=[listening])
        finally:
            server.drain()
            await server.close()

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    try:
        url, listener = ready.get(timeout=60)
        with Client(url) as client:
            client.sign_in(EMAIL, PASSWORD)
            yield ConsoleWorld(client)
    finally:
        listener.should_exit = True
        thread.join()


def form_token(page: str) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, page
    return found[1]


def send(client: httpx.Client, action: str, page: str = "", **fields: str) -> httpx.Response:
    """Send a form the way a browser does: with the token of the page that it is on."""
    shown = client.get(page or action)
    return client.post(action, data={"csrf": form_token(shown.text), **fields})


def eventually(look: Any, patience_s: float = 60) -> Any:
    """Return what ``look`` gives as soon as it gives something."""
    until = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)
    return found
