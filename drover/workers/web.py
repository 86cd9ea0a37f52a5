"""The guarded way to other servers: every address is checked before it is connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

from drover.ports.web import WebFailure, WebRequest, WebResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_REDIRECTS: Final = 10

_FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
)
_LAST_PORT: Final = 65535
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class GuardedWeb:
    """Requests over HTTP(S); ``allowed`` are private networks that may be reached all the same."""

    def __init__(self, allowed: Sequence[str] = (), *, allows_private: bool = False) -> None:
        networks = ("0.0.0.0/0", "::/0") if allows_private else allowed
        self._backend = GuardedBackend([ipaddress.ip_network(each) for each in networks])

    async def fetch(self, request: WebRequest) -> WebResponse:
        """Make a request; raises WebFailure."""
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                return await self._fetch(request, began_s)
        except TimeoutError as error:
            raise WebFailure("Timeout", "The request took too long") from error
        except _FAILURES as error:
            raise WebFailure("Unreachable", _told(error)) from error

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name; raises WebFailure where one may not be reached, OSError.

        For programs that connect by themselves: they are to connect to one of these.
        """
        return await self._backend.resolved(host, port)

    async def _fetch(self, request: WebRequest, began_s: float) -> WebResponse:
        transport = _Transport(self._backend, _tls(request))
        async with httpx.AsyncClient(
            transport=transport,
            follow_redirects=request.follows,
            max_redirects=MOST_REDIRECTS,
            timeout=None,  # noqa: S113 - the caller's clock is over the whole exchange
            trust_env=False,
            auth=request.basic,
        ) as client:
            parts = {name: (None, text) for name, text in request.files} or None
            async with client.stream(
                request.method,
                request.url,
                headers=_headers(request),
                content=request.body,
                files=parts,
            ) as response:
                body = await _body(response, request.most_bytes)
        return WebResponse(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
            url=str(response.url),
            duration_ms=(time.monotonic() - began_s) * 1000,
        )


def _headers(request: WebRequest) -> httpx.Headers:
    """Return the headers as they are sent; raises WebFailure for one that cannot be."""
    encoded: list[tuple[bytes, bytes]] = []
    for name, value in request.headers:
        try:
            encoded.append((name.encode("ascii"), value.encode("latin-1")))
        except UnicodeEncodeError as error:
            told = f"The header '{name[:64]}' has characters that cannot be sent"
            raise WebFailure("Refused", told) from error
    return httpx.Headers(encoded)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves names, checks every address found, and connects to one that passed."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; raises WebFailure for a name that leads where nobody may go."""
        if port > _LAST_PORT:
            raise httpcore.ConnectError(f"{port} is not a port")
        last: Exception | None = None
        for address in await self.resolved(host, port):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, OSError) as error:
                last = error
        raise httpcore.ConnectError(f"cannot connect to {host}") from last

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the library's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Refuse."""
        raise WebFailure("Refused", f"Sockets of this machine cannot be reached: {path[:64]}")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)

    async def resolved(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name; raises WebFailure where one may not be reached."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            if not self._may_reach(ipaddress.ip_address(text.partition("%")[0])):
                raise WebFailure("Refused", f"The address of {host} may not be reached")
        return addresses

    def _may_reach(self, address: Address) -> bool:
        if any(address in network for network in self._allowed):
            return True
        meant = _unwrapped(address)
        if meant is not address and any(meant in network for network in self._allowed):
            return True
        return meant.is_global and not meant.is_multicast


class _Transport(httpx.AsyncBaseTransport):
    """httpx over a connection pool whose connections are guarded."""

    def __init__(self, backend: GuardedBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=1, network_backend=backend
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return its answer, the body not yet read."""
        url = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Stream(answer.stream)
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _body(response: httpx.Response, most_bytes: int) -> bytes:
    """Read a body as far as it may go: what counts is its size once unpacked."""
    if "," in response.headers.get("content-encoding", ""):
        # Each time a thousand times as much: what one piece unpacks to would know no bounds.
        raise WebFailure("TooLarge", "The answer is packed more than once")
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > most_bytes:
            raise WebFailure("TooLarge", f"The answer is larger than {most_bytes} bytes")
    return bytes(body)


def _tls(request: WebRequest) -> ssl.SSLContext:
    if request.certificate is None:
        return _shared_context(request.ca_certificate, verifies=request.verifies)
    context = _context(request.ca_certificate, verifies=request.verifies)
    _load_certificate(context, *request.certificate)
    return context


def _context(ca_certificate: str, *, verifies: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_certificate:
        context.load_verify_locations(cadata=ca_certificate)
    if not verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# Reading the machine's certificates takes longer than many a request.
_shared_context = lru_cache(maxsize=16)(_context)


def _load_certificate(context: ssl.SSLContext, key: str, certificate: str) -> None:
    """Load a client's certificate; the library takes it from a file only."""
    with tempfile.TemporaryDirectory(prefix="drover-tls-") as folder:
        file = Path(folder) / "client.pem"
        file.touch(mode=0o600)
        file.write_text(f"{certificate}\n{key}\n", "utf-8")
        context.load_cert_chain(file)


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, where it holds one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _told(error: Exception) -> str:
    return str(error)[:512] or type(error).__name__
