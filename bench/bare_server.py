"""A bound: the bare HTTP server under our own, with one durable statement for each request.

It knows no keys, no leases, no rules and no readers: what it does a second is what this machine's
disk, its Python and the clients of the measurement leave to anybody.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import uvicorn
import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    Message = MutableMapping[str, Any]

_READY_S: Final = 30.0
_TABLE: Final = "CREATE TABLE job (id INTEGER PRIMARY KEY, status TEXT, body BLOB)"
_ADD: Final = "INSERT INTO job (status, body) VALUES ('queued', ?)"
_CHANGE: Final = "UPDATE job SET status = ?, body = ? WHERE id = ?"


@contextmanager
def bare_server() -> Iterator[str]:
    """Yield the URL of a bare server in a process of its own."""
    command = [sys.executable, "-m", "bench.bare_server"]
    with (
        TemporaryDirectory(prefix="drover-bare-") as folder,
        subprocess.Popen([*command, folder], stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            if process.stdout is None:
                raise RuntimeError("the bare server tells no address")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(_READY_S)


class _Bare:
    """Each request is one statement and one durable commit, in the event loop."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(_TABLE)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        body = (await receive()).get("body", b"")
        answer = self._stored(scope["path"].rpartition("/")[2], scope["query_string"], body)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _stored(self, name: str, query: bytes, body: bytes) -> bytes:
        if name == "jobs":
            number = self._connection.execute(_ADD, (body,)).lastrowid or 0
            return b'{"id": %d, "status": "queued"}' % number
        status = "complete" if query == b"action=end" else "running"
        self._connection.execute(_CHANGE, (status, body, int(name)))
        return b'{"id": %d, "status": "%s"}' % (int(name), status.encode())


class _Told(uvicorn.Server):
    """Tells its address once it listens."""

    async def startup(self, sockets: Any = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)


def _main(folder: str) -> None:
    bare: Any = _Bare(Path(folder) / "bare.db")
    options = uvicorn.Config(
        bare, port=0, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Told(options).serve())


if __name__ == "__main__":
    _main(sys.argv[1])
