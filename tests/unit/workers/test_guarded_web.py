"""The way to other servers: what is refused, what is bounded, what is pinned."""

import asyncio
import base64
import ipaddress
from contextlib import asynccontextmanager

import httpcore
import msgspec
import pytest

from drover.ports.web import WebFailure, WebRequest
from drover.workers.web import GuardedBackend, GuardedWeb

LOOPBACK = ("127.0.0.0/8", "::1/128")


@asynccontextmanager
async def serving(answer):
    """A server that answers each request with the bytes ``answer`` makes of it; yields its port."""

    writers = {}

    async def serve(reader, writer):
        writers[writer.get_extra_info("peername")] = writer
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if b"ontent-" in line and b"ength" in line
            ),
            0,
        )
        body = await reader.readexactly(length)
        for part in answer(head, body):
            writer.write(part)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await everybody_came(server, writers)
        server.close()
        await server.wait_closed()
        for writer in writers.values():
            writer.close()
        gone = (each.wait_closed() for each in writers.values())
        await asyncio.gather(*gone, return_exceptions=True)


async def everybody_came(server, writers):
    """Wait for who has connected, and may have left: they come in order, and one more is last."""
    _, last = await asyncio.open_connection(*server.sockets[0].getsockname())
    while last.get_extra_info("sockname") not in writers:
        await asyncio.sleep(0)
    last.close()
    await last.wait_closed()


def ok(body=b"hello", *headers):
    lines = [
        b"HTTP/1.1 200 OK",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
        *headers,
        b"",
        b"",
    ]
    return [b"\r\n".join(lines) + body]


def redirect(to):
    return [
        b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        % to.encode()
    ]


async def failure(web, **request):
    with pytest.raises(WebFailure) as caught:
        await web.fetch(WebRequest(**{"method": "GET", **request}))
    return caught.value.name


async def test_a_server_that_may_be_reached_answers():
    async with serving(lambda head, _body: ok(head[:14], b"X-A: 1")) as port:
        answer = await GuardedWeb(LOOPBACK).fetch(
            WebRequest(method="GET", url=f"http://127.0.0.1:{port}/a?b")
        )

    assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"GET /a?b HTTP/", "1")


async def test_this_machine_is_refused_by_name_and_by_address():
    web = GuardedWeb()

    for host in (
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "0x7f000001",
        "2130706433",
    ):
        assert await failure(web, url=f"http://{host}:9/") in ("Refused", "Unreachable"), host
    assert await failure(web, url="http://127.0.0.1:9/") == "Refused"


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
        "2002:a00:1::", "2001:db8::1", "::10.0.0.1", "::127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_of_private_networks_and_links_may_not_be_reached(address):
    assert not GuardedBackend([])._may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "2002:5db8:d822::"]
)
def test_public_addresses_may_be_reached(address):
    assert GuardedBackend([])._may_reach(ipaddress.ip_address(address))


def test_an_operator_may_allow_a_network():
    backend = GuardedBackend([ipaddress.ip_network("10.0.0.0/8")])

    assert backend._may_reach(ipaddress.ip_address("10.1.2.3"))
    assert backend._may_reach(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not backend._may_reach(ipaddress.ip_address("192.168.1.1"))


async def test_a_redirect_is_checked_like_a_request():
    async with serving(lambda _head, _body: redirect("http://10.0.0.1/")) as port:
        assert await failure(GuardedWeb(LOOPBACK), url=f"http://127.0.0.1:{port}/") == "Refused"


async def test_redirects_are_followed_only_if_asked_and_only_so_far():
    async with serving(lambda _head, _body: redirect("/again")) as port:
        url = f"http://127.0.0.1:{port}/"
        answer = await GuardedWeb(LOOPBACK).fetch(WebRequest(method="GET", url=url, follows=False))
        assert answer.status == 302
        assert await failure(GuardedWeb(LOOPBACK), url=url) == "Unreachable"


async def test_sockets_of_this_machine_are_refused():
    with pytest.raises(WebFailure):
        await GuardedBackend([]).connect_unix_socket("/run/some.sock")


async def test_a_name_with_one_forbidden_address_is_refused(monkeypatch):
    loop = asyncio.get_running_loop()

    async def resolve(*_args, **_more):
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)

    assert await failure(GuardedWeb(), url="http://mixed.example/") == "Refused"


async def test_what_was_checked_is_what_is_connected_to(monkeypatch):
    connected = []

    class Inner:
        async def connect_tcp(self, host, port, *_more):
            connected.append((host, port))
            raise httpcore.ConnectError("closed")

    backend = GuardedBackend([])
    backend._inner = Inner()

    async def resolve(*_args, **_more):
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("93.184.216.35", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)

    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("name.example", 80)
    assert connected == [("93.184.216.34", 80), ("93.184.216.35", 80)]


async def test_a_body_too_large_is_cut_off_even_when_it_is_packed():
    import gzip

    packed = gzip.compress(b"x" * 1_000_000)
    async with serving(lambda _head, _body: ok(packed, b"Content-Encoding: gzip")) as port:
        url = f"http://127.0.0.1:{port}/"
        assert await failure(GuardedWeb(LOOPBACK), url=url, most_bytes=10_000) == "TooLarge"
        answer = await GuardedWeb(LOOPBACK).fetch(WebRequest(method="GET", url=url))
        assert len(answer.body) == 1_000_000


async def test_a_body_that_is_packed_more_than_once_is_refused():
    import gzip

    packed = gzip.compress(gzip.compress(b"x" * 1_000_000))
    headers = (b"Content-Encoding: gzip, gzip", b"Content-Encoding: gzip\r\nContent-Encoding: gzip")
    for header in headers:
        async with serving(lambda _head, _body, own=header: ok(packed, own)) as port:
            assert (
                await failure(GuardedWeb(LOOPBACK), url=f"http://127.0.0.1:{port}/") == "TooLarge"
            )


async def test_a_server_that_does_not_answer_times_out():
    async with serving(
        lambda _head, _body: [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
    ) as port:
        name = await failure(GuardedWeb(LOOPBACK), url=f"http://127.0.0.1:{port}/", timeout_ms=1)

    assert name in ("Timeout", "Unreachable")


async def test_nobody_there_is_unreachable():
    async with serving(lambda _head, _body: ok()) as port:
        pass

    assert await failure(GuardedWeb(LOOPBACK), url=f"http://127.0.0.1:{port}/") == "Unreachable"
    assert await failure(GuardedWeb(LOOPBACK), url="http://127.0.0.1:99999999/") == "Unreachable"
    assert await failure(GuardedWeb(LOOPBACK), url="gopher://127.0.0.1/") == "Unreachable"


async def test_bodies_parts_and_credentials_are_sent():
    async with serving(lambda head, body: ok(head + body)) as port:
        web, url = GuardedWeb(allows_private=True), f"http://127.0.0.1:{port}/"
        plain = await web.fetch(
            WebRequest(method="PUT", url=url, body=b"body", basic=("u", "p"), headers=(("X", "1"),))
        )
        parts = await web.fetch(WebRequest(method="POST", url=url, files=(("k", "value"),)))

    assert plain.body.endswith(b"\r\n\r\nbody")
    assert base64.b64encode(b"u:p") in plain.body
    assert b"x: 1" in plain.body.lower()
    assert b'name="k"' in parts.body
    assert b"value" in parts.body


async def test_a_certificate_that_is_none_is_told():
    web = GuardedWeb(LOOPBACK)

    assert (
        await failure(web, url="https://127.0.0.1:9/", certificate=("key", "cert")) == "Unreachable"
    )
    assert (
        await failure(web, url="https://127.0.0.1:9/", ca_certificate="nonsense") == "Unreachable"
    )


async def test_headers_are_sent_in_latin_1_and_what_cannot_be_is_told():
    heads = []

    def answer(head, _body):
        heads.append(head)
        return ok()

    async with serving(answer) as port:
        request = WebRequest(method="GET", url=f"http://127.0.0.1:{port}/", timeout_ms=60_000)
        web = GuardedWeb(LOOPBACK)
        await web.fetch(msgspec.structs.replace(request, headers=(("X-Where", "Köln"),)))
        for name, value in (("X-Where", "Łódź"), ("Größe", "1")):
            with pytest.raises(WebFailure, match="header"):
                await web.fetch(msgspec.structs.replace(request, headers=((name, value),)))

    assert "X-Where: Köln".encode("latin-1") in heads[0]
    assert len(heads) == 1
