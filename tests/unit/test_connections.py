"""Connections that send the head of a request late, for ever, or in pieces."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from drover.faces.connections import MOST_HEAD_BYTES, Connection
from drover.faces.joined_writes import JoinedWrites


class Hasty(Connection):
    head_seconds = 0.05


class Impatient(Connection):
    unread_seconds = 0.05


async def answer(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def connected(kind, application=answer):
    config = uvicorn.Config(application, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()
    await asyncio.gather(*state.tasks)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_line_on_which_no_whole_head_comes_in_time_is_closed(sent):
    async with connected(Hasty) as (reader, writer):
        writer.write(sent)

        assert await reader.read() == b""


async def test_a_head_in_pieces_is_answered_and_the_line_goes_on():
    async with connected(Connection) as (reader, writer):
        for _ in range(2):
            for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")


async def test_a_head_that_does_not_end_is_cut_off():
    async with connected(Connection) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        ending = asyncio.create_task(reader.read())
        for _ in range(100):
            await asyncio.sleep(0.002)
            if ending.done():
                break
            writer.write(b"x" * (MOST_HEAD_BYTES // 4))

        answered = (await asyncio.gather(ending, return_exceptions=True))[0]
        assert answered == b"" or isinstance(answered, ConnectionError)


def flooding(ended):
    """Return an application that sends without end, to a client that is still there."""

    async def application(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.create_task(left(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    return application


async def left(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def test_a_client_that_does_not_read_what_it_asked_for_is_cut_off():
    ended = asyncio.Event()
    async with connected(Impatient, flooding(ended)) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        async with asyncio.timeout(60):
            await ended.wait()


async def test_a_client_that_reads_now_and_then_is_not_cut_off():
    ended = asyncio.Event()
    async with connected(Connection, flooding(ended)) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            assert await reader.readexactly(1_000_000)

        assert not ended.is_set()
        writer.transport.abort()
        async with asyncio.timeout(60):
            await ended.wait()


async def test_an_answer_leaves_as_soon_as_it_is_whole(monkeypatch):
    done = []
    real = JoinedWrites.flush

    def flush(self):
        done.append("sent" if self._parts else "nothing to send")
        real(self)

    async def noting(scope, receive, send):
        await answer(scope, receive, send)
        done.append("the application goes on")

    monkeypatch.setattr(JoinedWrites, "flush", flush)
    async with connected(Connection, noting) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        await reader.readuntil(b"\r\n\r\n")

    assert done[:2] == ["sent", "the application goes on"]
