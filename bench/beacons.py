"""Jobs of beacons over HTTP: how many a second, how soon one is handed out, who waits for it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bench.bare_server import bare_server
from bench.figures import Figure
from bench.servers import STORES, server_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.synchronize import Barrier

    from examples.serving import Serving

JOBS: Final = {"sqlite": 5000, "postgres": 2000}
"""Jobs of four clients on each store."""

JOBS_OF_MANY: Final = {"sqlite": 3200, "postgres": 1600}
"""Jobs of many clients."""

PROCESSES: Final = 4
READY_S: Final = 60.0
CONNECTIONS: Final = 32
WAITING: Final = 200
CREATED: Final = 150
PATH: Final = "/api/jobs"
_TASKS: Final = "tasks=%5B%7B%22cmd%22%3A%22echo%22%7D%5D"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures on both stores."""
    share = 10 if quick else 1
    yield from _bounds(share)
    for store in STORES:
        with server_on(store, workers=1) as (server, _):
            key = make_key(server)
            yield from _handed_out(server, key, store, share)
            yield from _woken(server, key, store, CREATED // share)


def _bounds(share: int) -> Iterator[Figure]:
    """Yield what a bare server does with the same clients: four durable statements for each job."""
    with bare_server() as url:
        for connections in (PROCESSES, CONNECTIONS):
            jobs, threads = JOBS_OF_MANY["sqlite"] // share, connections // PROCESSES
            rate, _ = hand_out(url, "", jobs, processes=PROCESSES, threads=threads)
            yield Figure(f"a bare server, {connections} clients", rate, "jobs/s", "")


def _handed_out(server: Serving, key: str, store: str, share: int) -> Iterator[Figure]:
    jobs = JOBS[store] // share
    rate, p99_ms = hand_out(server.url, key, jobs, processes=PROCESSES, threads=1)
    yield Figure(f"{store}: beacon jobs, {PROCESSES} clients", rate, "jobs/s", "600")
    yield Figure(f"{store}: p99 of a pickup, {PROCESSES} clients", p99_ms, "ms", "<= 5")
    jobs, threads = JOBS_OF_MANY[store] // share, CONNECTIONS // PROCESSES
    rate, _ = hand_out(server.url, key, jobs, processes=PROCESSES, threads=threads)
    yield Figure(f"{store}: beacon jobs, {CONNECTIONS} clients", rate, "jobs/s", "1,000")


def _woken(server: Serving, key: str, store: str, created: int) -> Iterator[Figure]:
    before = _looks(server.url)
    waits_ms = asyncio.run(wake_up(server.url, key, WAITING, created))
    # Who is handed a job asks for another one, and all asked once when they came.
    looks = _looks(server.url) - before - WAITING - created
    name = f"{store}: p99 from create to pickup, {WAITING} wait"
    yield Figure(name, percentile(waits_ms, 0.99), "ms", "<= 50")
    yield Figure(f"{store}: looks at the store for each job created", looks / created, "", "<= 2")


def _looks(url: str) -> int:
    """Return how often the store was asked for the next job."""
    return _figure(url, "drover_beacon_looks_total")


def _waiting(url: str) -> int:
    """Return how many wait for a job."""
    return _figure(url, "drover_beacons_waiting")


def _figure(url: str, name: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310 - a server of our own
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return int(float(line.split()[1]))
    raise RuntimeError(f"the server does not show {name}")


def make_key(server: Serving) -> str:
    """Make a key of a beacon and return the userkey."""
    made = server.client.post("/me/keys", {"name": "bench", "role": "administrator"})
    return str(made["userkey"])


# Hand-out -----------------------------------------------------------------------------------------


def hand_out(url: str, key: str, jobs: int, *, processes: int, threads: int) -> tuple[float, float]:
    """Create, pick up, start and end jobs; return jobs a second and the p99 of a pickup in ms."""
    share = jobs // (processes * threads)
    context = get_context("spawn")
    everybody = context.Barrier(processes)
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_know, initargs=(everybody,)
    ) as pool:
        list(pool.map(_ready, range(processes)))
        began = time.perf_counter()
        asked = [pool.submit(_client, url, key, share, threads) for _ in range(processes)]
        pickups = [each for one in asked for each in one.result()]
        seconds = time.perf_counter() - began
    return share * processes * threads / seconds, percentile(pickups, 0.99) * 1000


_others: list[Barrier] = []
"""In a process of clients: where it waits for the others."""


def _know(everybody: Barrier) -> None:
    _others.append(everybody)


def _ready(_number: int) -> None:
    """Return once each process has come so far, that none begins when others are half done."""
    _others[0].wait(READY_S)


def _client(url: str, key: str, jobs: int, threads: int) -> list[float]:
    pickups: list[float] = []
    running = [
        threading.Thread(target=_work, args=(url, key, jobs, pickups)) for _ in range(threads)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return pickups


def _work(url: str, key: str, jobs: int, pickups: list[float]) -> None:
    connection = Connection(url, key)
    for _ in range(jobs):
        job = connection.post(PATH, f"name=bench&{_TASKS}&q=1")
        path = f"{PATH}/{job['id']}"
        began = time.perf_counter()
        connection.post(f"{path}?action=pickup", "")
        pickups.append(time.perf_counter() - began)
        connection.post(f"{path}?action=start", "")
        ended = connection.post(f"{path}?action=end", "result[]=%7B%22ok%22%3Atrue%7D")
        if ended["status"] != "complete":
            raise RuntimeError(f"the job is {ended['status']}")
    connection.close()


class Connection:
    """The least of an HTTP client that will do: what is measured is the server."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self._head = f"Host: {address.netloc}\r\nX-User-Key: {key}\r\n"
        self._socket = socket.create_connection((address.hostname or "", address.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: str) -> dict[str, Any]:
        """Post a form and return the JSON that answers."""
        self._socket.sendall(request(self._head, path, body))
        status, text = self._answer()
        if status != 200:
            raise RuntimeError(f"{path}: {status} {text!r}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _answer(self) -> tuple[int, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._socket.recv(65_536)
        head, _, body = data.partition(b"\r\n\r\n")
        size = content_length(head)
        while len(body) < size:
            body += self._socket.recv(65_536)
        return int(head[9:12]), body


def request(head: str, path: str, body: str) -> bytes:
    """Return the bytes of a posted form."""
    return (
        f"POST {path} HTTP/1.1\r\n{head}Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def content_length(head: bytes) -> int:
    """Return how long the body is that a head announces."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


# Take next ----------------------------------------------------------------------------------------


async def wake_up(url: str, key: str, waiting: int, created: int) -> list[float]:
    """Create jobs one by one while many wait; return how long each took to be handed out, in ms."""
    address = urlsplit(url)
    head = f"Host: {address.netloc}\r\nX-User-Key: {key}\r\n"
    host, port = address.hostname or "", address.port or 80
    taken: dict[int, float] = {}
    tasks = [asyncio.create_task(_beacon(host, port, head, taken)) for _ in range(waiting)]
    for _ in range(300):
        if await asyncio.to_thread(_waiting, url) >= waiting:
            break
        await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection(host, port)
    begun: dict[int, float] = {}
    for _ in range(created):
        began = time.perf_counter()
        writer.write(request(head, PATH, "name=wake&beacon_name=wake&q=1"))
        _, text = await _read(reader)
        begun[json.loads(text)["id"]] = began
        await asyncio.sleep(0.02)
    for _ in range(200):
        if len(taken) == created:
            break
        await asyncio.sleep(0.05)
    writer.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if set(taken) != set(begun):
        raise RuntimeError(f"{len(taken)} of {created} jobs were handed out")
    return [(taken[number] - began) * 1000 for number, began in begun.items()]


async def _beacon(host: str, port: int, head: str, taken: dict[int, float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    with suppress(asyncio.CancelledError):
        while True:
            writer.write(request(head, f"{PATH}?action=pickup&beacon_name=wake&wait=60", ""))
            status, text = await _read(reader)
            if status == 200:
                number = json.loads(text)["id"]
                if number in taken:
                    raise RuntimeError(f"job {number} was handed out twice")
                taken[number] = time.perf_counter()
    writer.close()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = content_length(head)
    return int(head[9:12]), await reader.readexactly(size) if size else b""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share is at most."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
