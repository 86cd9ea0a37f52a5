"""What is no proper HTTP: bytes that stop, drip, run together or never end."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.acceptance.abuse_server import storming
from tests.support.beacon_agents import until

pytestmark = pytest.mark.slow

MANY = 300


@pytest.fixture(scope="module")
def storm():
    with storming(max_requests=200, body_seconds=1) as running:
        yield running


@pytest.fixture(autouse=True)
def calm_after(storm):
    yield
    storm.assert_calm()


@contextmanager
def connected(storm):
    with socket.create_connection((storm.admin.host, storm.admin.port), timeout=60) as link:
        yield link


def received(link: socket.socket) -> bytes:
    parts = []
    try:
        while part := link.recv(65_536):
            parts.append(part)
    except (TimeoutError, ConnectionResetError):
        pass
    return b"".join(parts)


def head(storm, *lines: str, method="POST", path="") -> bytes:
    path = path or f"/applications/{storm.victim.values['applicationId']}/devices"
    first = (
        f"{method} {path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {storm.victim.wire.token}",
    )
    return "\r\n".join([*first, *lines, "", ""]).encode("latin-1")


GARBAGE = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "no version": b"GET /health\r\n\r\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nHost\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "a folded header": b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a space before the colon": b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
    "a websocket": b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two lengths": b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": b"POST /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "a length of 400 digits": b"POST /a HTTP/1.1\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n",
    "length and chunks": b"POST /auth/user HTTP/1.1\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
    "chunks of no size": b"POST /auth/user HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n",
    "a chunk of endless size": b"POST /auth/user HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 40
    + b"\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_http_is_refused_and_the_line_is_closed(storm, name):
    with connected(storm) as link:
        link.sendall(GARBAGE[name])
        link.shutdown(socket.SHUT_WR)
        answer = received(link)

    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 2")), answer[:200]
    assert b"HTTP/1.1 5" not in answer


def test_garbage_after_a_request_leaves_its_answer_whole(storm):
    with connected(storm) as link:
        link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01garbage\r\n\r\n")
        link.shutdown(socket.SHUT_WR)
        answer = received(link)

    assert answer.count(b"HTTP/1.1 200") <= 1
    assert b"HTTP/1.1 5" not in answer


def test_a_hundred_requests_in_one_write_get_a_hundred_answers_in_order(storm):
    with connected(storm) as link:
        link.sendall(
            b"".join(
                b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: r%d\r\n\r\n" % n
                for n in range(99)
            )
            + b"GET /health HTTP/1.1\r\nX-Request-Id: r99\r\nConnection: close\r\n\r\n"
        )
        answer = received(link)

    assert [b"x-request-id: r%d\r\n" % n in answer for n in range(100)] == [True] * 100
    assert answer.count(b"HTTP/1.1 200 OK") == 100


def test_a_body_that_is_cut_off_changes_nothing(storm):
    body = json.dumps({"name": "half"}).encode()
    for sent in (0, 5, len(body) - 1):
        with connected(storm) as link:
            link.sendall(head(storm, f"Content-Length: {len(body)}") + body[:sent])


def test_a_body_that_drips_is_cut_off_and_changes_nothing(storm):
    began = time.monotonic()
    with connected(storm) as link:
        link.sendall(head(storm, "Content-Length: 1000"))
        link.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - began < 60:
            link.sendall(b" ")
            answer = received(link)

    assert answer.startswith(b"HTTP/1.1 408"), answer[:200]


def test_many_bodies_that_never_come_do_not_keep_others_out_for_long(storm):
    with ExitStack() as links:
        for _ in range(MANY):
            link = links.enter_context(connected(storm))
            link.sendall(head(storm, "Content-Length: 1000"))

        until(lambda: storm.admin.ask("GET", "/health").status == 200)


def test_a_header_that_never_ends_is_refused_before_it_fills_the_memory(storm):
    process = psutil.Process(storm.server.process.pid)
    before = process.memory_info().rss
    with connected(storm) as link:
        try:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: ")
            for _ in range(64):
                link.sendall(b"a" * (1 << 20))
        except (ConnectionResetError, BrokenPipeError):
            pass
        grown_mb = (process.memory_info().rss - before) >> 20

    assert grown_mb < 32


def test_many_headers_and_a_long_path_are_refused_or_answered(storm):
    with connected(storm) as link:
        link.sendall(b"GET /%s?%s HTTP/1.1\r\nHost: x\r\n" % (b"a" * 30_000, b"b=1&" * 5_000))
        link.sendall(
            b"".join(b"X-%d: 1\r\n" % n for n in range(500)) + b"Connection: close\r\n\r\n"
        )
        answer = received(link)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:100]


@pytest.mark.parametrize(
    "text", ["%0d%0aSet-Cookie:%20a=b", "%0aX-Evil:1", "%e5%98%8a%e5%98%8dX-Evil:1"]
)
def test_nothing_of_a_request_becomes_a_header_of_the_answer(storm, text):
    for operation in storm.operations:
        if operation.method != "GET" or operation.id.endswith("ress"):
            continue
        query = "&".join(f"{name}={text}" for name in (*operation.query, "x"))
        reply = storm.victim.wire.ask("GET", f"{storm.victim.at(operation)}?{query}")
        assert not {"set-cookie", "x-evil"} & set(reply.headers), (operation.id, reply.headers)


def running(storm) -> float:
    """Return how many requests the server answers at this moment."""
    lines = storm.admin.ask("GET", "/metrics").body.decode().splitlines()
    name = "drover_http_requests_running "
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_files_and_memory_do_not_grow_from_storm_to_storm(storm):
    vandal = storm.vandal()

    def blow():
        for operation in storm.operations:
            if operation.id.endswith("ress"):
                continue
            for body in (
                None,
                b"garbage",
                b'{"a":' + b"[" * 2000,
                b'{"name":"' + b"x" * 9000 + b'"}',
            ):
                vandal.wire.ask(operation.method, operation.at({}), body)
        for _ in range(50):
            with connected(storm) as link:
                link.sendall(head(storm, "Content-Length: 100"))
        until(lambda: running(storm) == 1)  # which is the question itself

    blow()
    files, memory_mb = storm.use()
    for _ in range(2):
        blow()

    until(lambda: storm.use()[0] <= files + 5)
    _, memory_after_mb = storm.use()
    assert memory_after_mb <= memory_mb + 25
