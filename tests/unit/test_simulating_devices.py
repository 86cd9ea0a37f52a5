"""Simulated devices: what is asked of them makes sense, and it is told when they cannot live."""

from __future__ import annotations

import asyncio
import json
import resource
import socketserver
import threading
from contextlib import asynccontextmanager, nullcontext

import pytest
from cyclopts import ValidationError

from drover.cli import _session, _simulated
from drover.cli.simulate import GROUP, _access_key
from drover.client import ClientError, ServerUnreachable
from drover.mqtt.device import Packets, framed, publish, read_publish
from drover.mqtt.simulated import Fleet, Habits


class NoBroker(socketserver.BaseRequestHandler):
    """Ends each connection, as a server of something else does."""

    def handle(self) -> None:
        """Read what was said, and say nothing."""
        self.request.recv(1024)


@pytest.mark.parametrize(
    "flag",
    [
        "--devices=0",
        "--failing=1.5",
        "--failing=nan",
        "--silent=-0.1",
        "--report-seconds=-1",
        "--delay-seconds=-1",
        "--seconds=-1",
        "--mqtt-port=0",
        "--mqtt-port=65536",
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(flag):
    with pytest.raises(ValidationError):
        GROUP([flag], exit_on_error=False, print_error=False)


def test_it_is_told_when_no_device_could_connect():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), NoBroker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = ("127.0.0.1", server.server_address[1])

        with pytest.raises(_session.CommandError, match="No device could connect to "):
            _simulated.run(["d" * 24], address, ("key", "secret"), Habits(), 0.2)

        server.shutdown()


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (None, "Say which application with --application .there are: North, South"),
        ("Works", "No application is called 'Works' .there are: North, South"),
    ],
)
def test_an_application_that_is_not_there_is_told_apart_from_none_that_was_named(wanted, told):
    class Api:
        def items(self, _path):
            return [{"id": "1", "name": "North"}, {"id": "2", "name": "South"}]

    with pytest.raises(_session.CommandError, match=told):
        _session.application(Api(), wanted)


@pytest.mark.parametrize(("status", "left"), [(404, None), (503, ClientError)])
def test_a_key_that_somebody_else_deleted_is_gone_as_well(status, left):
    class Api:
        def post(self, _path, _body):
            return {"id": "1", "key": "k", "secret": "s"}

        def delete(self, _path):
            raise ClientError(status, "", "")

    with pytest.raises(left) if left else nullcontext(), _access_key(Api(), "/keys") as key:
        assert key == ("k", "s")


def test_a_key_that_cannot_be_deleted_is_named():
    class Api:
        def post(self, _path, _body):
            return {"id": "1", "key": "the-key", "secret": "s"}

        def delete(self, _path):
            raise ServerUnreachable("nobody is there")

    with (
        pytest.raises(_session.CommandError, match=r"nobody is there.*the-key"),
        _access_key(Api(), "/keys"),
    ):
        pass


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 1_048_576, (2064, 1_048_576)),
        (1024, resource.RLIM_INFINITY, (2064, resource.RLIM_INFINITY)),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, None),
        (4096, 4096, None),
    ],
)
def test_a_large_fleet_makes_room_for_its_connections(monkeypatch, soft, hard, then):
    told = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, pair: told.append(pair))

    _simulated.make_room(2000)

    assert told == ([then] if then else [])


def test_a_fleet_that_no_process_may_have_is_refused_with_the_limit(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 1024))

    with pytest.raises(_session.CommandError, match=r"2064 open files.* may have 1024"):
        _simulated.make_room(2000)


class Broker:
    """Lets devices in but for some, sends each that listens some commands, hears the replies."""

    def __init__(self, *commands: bytes) -> None:
        self.refuses: set[bytes] = set()
        self.heard: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
        self._commands = commands
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """End all connections."""
        for each in self._writers:
            each.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        packets = Packets()
        self._writers.add(writer)
        while data := await reader.read(65536):
            for first, body in packets.feed(data):
                writer.write(self._answer(first, body))
        self._writers.discard(writer)
        writer.close()

    def _answer(self, first: int, body: bytes) -> bytes:
        kind = first >> 4
        if kind == 1:
            refused = any(each in body for each in self.refuses)
            return framed(0x20, bytes((0, 5 if refused else 0)))
        if kind == 8:
            told = b"".join(publish("losant/ID/command", each) for each in self._commands)
            return framed(0x90, body[:2] + b"\0") + told
        if kind == 3:
            said = read_publish(first, body)
            self.heard.put_nowait((said.topic, json.loads(said.payload)))
            return framed(0x40, said.number.to_bytes(2, "big")) if said.number else b""
        return b""


@asynccontextmanager
async def serving(broker: Broker):
    """Have a broker's port open until the block ends; yield the server and its address."""
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    try:
        yield server, server.sockets[0].getsockname()
    finally:
        server.close()


@asynccontextmanager
async def going_on(life):
    """Let a fleet live until the block ends, which may not take long."""
    living = asyncio.create_task(life)
    try:
        async with asyncio.timeout(60):
            yield living
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


@asynccontextmanager
async def simulated(broker: Broker, *device_ids: str):
    """Let devices live at a broker until the block ends."""
    async with serving(broker) as (server, address):
        fleet = Fleet(address, ("key", "secret"), Habits(delay_s=0))
        async with going_on(fleet.run(device_ids)) as living:
            yield fleet, living
    await server.wait_closed()


async def test_a_device_answers_whatever_it_is_told():
    commands = (b"\xff", b"[1]", b'{"payload": 5}', b'{"payload": {"iterationId": "7"}}')
    broker = Broker(*commands)

    async with simulated(broker, "one") as (fleet, _):
        replies = [await broker.heard.get() for _ in commands]
        while fleet.tally.answered < len(commands):
            await asyncio.sleep(0)

    done = {"ok": True, "note": "done"}
    assert sorted(replies, key=str) == sorted(
        [*[("jobs/replies/one", done)] * 3, ("jobs/replies/one", {"iterationId": "7", **done})],
        key=str,
    )


async def test_a_device_that_is_refused_later_ends_no_other():
    broker = Broker(b"{}")

    async with simulated(broker, "one") as (fleet, living):
        await broker.heard.get()
        broker.refuses.add(b"two")
        await fleet._live("two")
        await asyncio.sleep(0)

        assert fleet.tally.refused == 1
        assert fleet.tally.connected == 1
        assert not living.done()


@asynccontextmanager
async def commanded(broker: Broker, *device_ids: str):
    """Let the command's devices live at a broker, which may be stopped; yield it and the command."""
    async with serving(broker) as (server, address):
        life = _simulated._live(list(device_ids), address, ("key", "secret"), Habits(delay_s=0), 0)
        async with going_on(life) as living:
            yield server, living


async def test_a_fleet_that_was_deleted_ends_with_a_failure():
    broker = Broker(b"{}")

    async with commanded(broker, "one", "two") as (_, living):
        for _ in range(2):
            await broker.heard.get()
        broker.refuses.update((b"one", b"two"))
        broker.cut()

        with pytest.raises(_session.CommandError, match="All are refused now"):
            await living


async def test_it_is_told_that_the_broker_went_and_that_it_came_back(monkeypatch, capsys):
    monkeypatch.setattr(_simulated, "TELL_S", 0)
    monkeypatch.setattr("drover.mqtt.simulated.REST_S", 0)
    broker, shown = Broker(b"{}"), ""
    async with commanded(broker, "one") as (server, _):
        await broker.heard.get()
        port = server.sockets[0].getsockname()[1]
        server.close()
        broker.cut()
        while "None is connected" not in shown:
            await asyncio.sleep(0)
            shown += capsys.readouterr().out
        again = await asyncio.start_server(broker.serve, "127.0.0.1", port)
        while "They are back" not in shown:
            await asyncio.sleep(0)
            shown += capsys.readouterr().out
        again.close()
