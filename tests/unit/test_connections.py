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


def whole(status=200, headers=(), body=b"fine"):
    """Return an application that takes a whole body and answers in one piece."""

    async def application(_scope, receive, _send):
        taken = receive.__self__.whole_body(10)
        told = body if taken is None else taken or body
        length = (b"content-length", b"%d" % len(told))
        await receive.__self__.answer(status, [length, *headers], told)

    return application


async def exchanged(application, *requests):
    """Return all that comes back for requests that are sent together, until the line is closed."""
    async with connected(Connection, application) as (reader, writer):
        writer.write(b"".join(requests))
        async with asyncio.timeout(60):
            return await reader.read()


LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_requests_that_come_together_are_answered_one_after_the_other():
    posts = [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n%b" % each
        for each in (b"one", b"two")
    ]

    came = await exchanged(whole(), *posts, LAST)

    assert [part.rpartition(b"\r\n\r\n")[2] for part in came.split(b"HTTP/1.1 200 OK")] == [
        b"",
        b"one",
        b"two",
        b"fine",
    ]
    assert came.count(b"connection: close\r\n") == 1


async def test_a_whole_body_that_is_too_long_is_left_where_it_is():
    post = (
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 11\r\n\r\n12345678901"
    )

    assert (await exchanged(whole(), post)).endswith(b"\r\n\r\nfine")


@pytest.mark.parametrize(
    "header",
    [
        (b"x-name", b"a\r\nx-other: b"),
        (b"x-name: b\r\nx-other", b"a"),
        (b"x-name", b"a\nb"),
        (b"x-name", b"a\0b"),
        (b"x name", b"a"),
        (b"x-other: b", b"a"),
        (b"", b"a"),
        (b"content-length", b"3"),
        (b"transfer-encoding", b"chunked"),
    ],
)
async def test_a_header_that_would_be_read_as_something_else_is_never_sent(header, caplog):
    came = await exchanged(whole(headers=[header]), LAST)

    assert came.startswith(b"HTTP/1.1 500 ")
    assert b"x-other" not in came
    assert "Invalid HTTP header" in caplog.text


async def test_an_answer_may_close_the_line_and_an_old_client_has_it_closed():
    closing = await exchanged(
        whole(headers=[(b"connection", b"close")]), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    old = await exchanged(whole(), b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")

    assert closing.count(b"connection: close\r\n") == 1
    assert old.count(b"connection: close\r\n") == 1


async def test_a_header_that_only_ends_like_the_closing_one_closes_nothing():
    answers = whole(headers=[(b"x-connection", b"close")])

    came = await exchanged(answers, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", LAST)

    assert came.count(b"HTTP/1.1 200 OK") == 2


async def test_an_escaped_path_is_told_as_it_means_and_as_it_was_sent():
    told = []

    async def application(scope, receive, _send):
        told.extend((scope["path"], scope["raw_path"], scope["query_string"], scope["method"]))
        await receive.__self__.answer(204, [(b"content-length", b"0")], b"")

    await exchanged(
        application, b"PUT /a%20b?c=%20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert told == ["/a b", b"/a%20b", b"c=%20", "PUT"]


async def test_an_answer_to_one_who_has_left_is_dropped():
    came, done = asyncio.Event(), asyncio.Event()
    told = []

    async def application(_scope, receive, _send):
        came.set()
        await left(receive)
        told.append(receive.__self__.whole_body(10))
        await receive.__self__.answer(200, [(b"content-length", b"0")], b"")
        done.set()

    async with connected(Connection, application) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            await came.wait()
            writer.transport.abort()
            await done.wait()

    assert told == [None]


async def test_a_whole_answer_waits_until_there_is_room_for_it():
    paused, done = asyncio.Event(), asyncio.Event()

    async def application(_scope, receive, _send):
        exchange = receive.__self__
        exchange.flow.pause_writing()
        paused.set()
        await exchange.answer(200, [(b"content-length", b"0")], b"")
        done.set()

    class Noted(Connection):
        def connection_made(self, transport):
            super().connection_made(transport)
            lines.append(self)

    lines: list[Connection] = []
    async with connected(Noted, application) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            await paused.wait()
            was_done = done.is_set()
            lines[0].flow.resume_writing()
            await done.wait()
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")

    assert not was_done
