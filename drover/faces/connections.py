"""Connections whose requests begin in time and in bounded space, whoever is at the other end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from drover.faces.exchange import Exchange
from drover.faces.joined_writes import JoinedWrites

if TYPE_CHECKING:
    from asyncio import BaseTransport, TimerHandle, Transport

MOST_HEAD_BYTES: Final = 65_536
"""Bytes of a request's first line and headers that may come after its first packet."""

HEAD_SECONDS: Final = 30.0
"""How long a connection may take to send its first request's headers, and those of a later one."""


UNREAD_SECONDS: Final = 30.0
"""How long a client may leave unread what it is sent, when no more fits into the buffers."""


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP connection with limits on the head of a request, of which its parser has none.

    The usual head comes in one packet and costs neither a timer nor a count.
    """

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        self._head_bytes = 0
        self._late: TimerHandle | None = None
        self._unread: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for the first request."""
        joined = JoinedWrites(cast("Transport", transport), self.loop.call_soon)
        super().connection_made(cast("Transport", joined))
        self._late = self.loop.call_later(self.head_seconds, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read; one that does not is cut off."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._taken()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take a packet; close where a head is too long or too late."""
        went_on = self._in_head
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes = self._head_bytes + len(data) if went_on else 0
        if self._head_bytes > MOST_HEAD_BYTES:
            self._close()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self._close)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin with a request whose head is whole, or put it behind the one before."""
        self._in_head = False
        if self._late is not None:
            self._stop_waiting()
        self._describe()
        before = cast("Exchange | None", self.cycle)
        self.cycle = self._exchange()
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _describe(self) -> None:
        scope, url = self.scope, httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = self.parser.get_http_version()
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""

    def _exchange(self) -> Exchange:
        is_old = self.scope["http_version"] == "1.0"
        return Exchange(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=not is_old and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def on_response_complete(self) -> None:
        """Send the answer now that it is whole, before the loop turns to other requests."""
        super().on_response_complete()
        cast("JoinedWrites", self.transport).flush()

    def _taken(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._stop_waiting()
        self.transport.close()
