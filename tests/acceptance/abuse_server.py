"""A server for storms of hostile requests, and what must be so after each."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from examples.serving import Serving, serving
from tests.support.abuse_bodies import Bodies
from tests.support.abuse_world import Declared, Reply, Tenant, Wire, operations, tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = {
    "min_iteration_timeout_ms": 300,
    "lease_seconds": 10,
    "heartbeat_seconds": 0.5,
    "sweep_seconds": 0.5,
    "workers": 2,
    "handlers": "tests.acceptance.handlers,tests.acceptance.hostile_handlers",
}
MOST_SHOWN = 60
GROWING = frozenset({"GET /orgs/{orgId}/audit-logs"})
"""Lists that tell of what was asked, a moment later."""
PATIENCE_S = 60.0
_CHANGING = re.compile(r'"(lastAvailableToken|lastUsed|token|end|start|time)":("[^"]*"|\d+)')


def _counts(answer: dict[str, Any]) -> Any:
    """Return the count of a list, or those of each kind where an answer tells several."""
    if "totalCount" in answer:
        return answer["totalCount"]
    return {kind: each["totalCount"] for kind, each in answer.items() if "totalCount" in each}


@dataclass(slots=True)
class Storm:
    """A running server, its administrator, and a tenant whom nothing may touch."""

    server: Serving
    log: IO[bytes]
    admin: Wire
    operations: list[Declared] = field(init=False)
    bodies: Bodies = field(init=False)
    victim: Tenant = field(init=False)
    before: dict[str, Any] = field(init=False)
    _numbers: Iterator[int] = field(default_factory=count)
    _vandals: list[Tenant] = field(default_factory=list)

    def __post_init__(self) -> None:
        description = self.admin.send("GET", "/openapi.json")
        self.operations = operations(description)
        self.bodies = Bodies(description)
        self.victim = tenant(self.admin, "victim")
        self._wait_for_the_log()
        self.before = self.seen()

    def vandal(self) -> Tenant:
        """Return a new tenant to do harm with."""
        made = tenant(self.admin, f"vandal{next(self._numbers)}")
        self._vandals.append(made)
        return made

    def close(self) -> None:
        """Close all connections."""
        for wire in (self.admin, self.victim.wire, *(each.wire for each in self._vandals)):
            wire.close()

    def _wait_for_the_log(self) -> None:
        """Return once the log tells of all that the victim did: nothing may add to it then."""
        path = f"/orgs/{self.victim.values['orgId']}/audit-logs"
        end = time.monotonic() + PATIENCE_S
        while not self.victim.wire.send("GET", path)["totalCount"]:
            assert time.monotonic() < end, "no audit log was written"
            time.sleep(0.1)

    def seen(self) -> dict[str, Any]:
        """Return what the victim sees of its own: each resource, and the count of each list."""
        found: dict[str, Any] = {}
        for operation in self.operations:
            if operation.method != "GET" or not operation.names or operation.id.endswith("ress"):
                continue
            reply = self.victim.wire.ask("GET", self.victim.at(operation))
            if operation.path.endswith("Id}"):
                found[operation.id] = (reply.status, _CHANGING.sub("", reply.body.decode()))
            elif b'"totalCount":' in reply.body:
                found[operation.id] = _counts(reply.json)
        return found

    def logged(self) -> str:
        """Return what the server has logged since this was last asked."""
        return self.log.read().decode()

    def assert_calm(self) -> None:
        """Raise AssertionError unless the server is well and the victim's data untouched."""
        health = self.admin.ask("GET", "/health")
        assert (health.status, health.json) == (200, {"status": "ok"})
        logged = self.logged()
        assert "Traceback" not in logged, logged[:6000]
        after = self.seen()
        assert_none(
            [
                f"{k}: {self.before[k]} became {after[k]}"
                for k in after
                if after[k] != self.before[k]
            ]
        )

    def use(self) -> tuple[int, int]:
        """Return the open file descriptors and the resident memory, in MB, of the server."""
        process = psutil.Process(self.server.process.pid)
        return process.num_fds(), process.memory_info().rss >> 20


def assert_none(flaws: list[str]) -> None:
    """Raise AssertionError with the flaws found, one a line."""
    if flaws:
        more = [f"... and {len(flaws) - MOST_SHOWN} more"] if len(flaws) > MOST_SHOWN else []
        raise AssertionError("\n".join([*(each[:400] for each in flaws[:MOST_SHOWN]), *more]))


def refusal_of(reply: Reply, wanted: str) -> str | None:
    """Return what is wrong with a reply that should be an answer or a refusal of the API."""
    if reply.status == 503 and b"no broker" in reply.body:
        return None  # what a server without live devices answers to everything about them
    if reply.status >= 500:
        return f"{wanted}: {reply.status} {reply.body[:300]!r}"
    if "x-request-id" not in reply.headers:
        return f"{wanted}: no answer of the API: {reply.status} {reply.body[:300]!r}"
    return None


@contextmanager
def storming(**settings: object) -> Iterator[Storm]:
    """Run a server for the time of a storm."""
    with (
        tempfile.NamedTemporaryFile() as file,
        Path(file.name).open("rb") as log,
        serving(log=file, **(QUICK | settings)) as server,
    ):
        storm = Storm(server, log, Wire(server.url, server.client.token))
        try:
            yield storm
        finally:
            storm.close()
