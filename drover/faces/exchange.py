"""One request and its answer on a connection; what is whole is taken and sent in one piece."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drover.faces.joined_writes import JoinedWrites

_HEAD: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*\r\n)*")
"""Headers as they may be sent (RFC 9110, sections 5.1 and 5.5)."""

_NAMES: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*")
_CLOSING: Final = b"connection: close\r\n"


class Exchange(RequestResponseCycle):
    """uvicorn's exchange of messages, with a shorter way for a body and an answer that are whole.

    Most are: the messages of ASGI, one by one, took a sixth of what such a request costs.
    """

    def whole_body(self, most: int) -> bytes | None:
        """Return the body if all of its ``most`` bytes have come and its sender is still there."""
        if self.more_body or self.disconnected or len(self.body) > most:
            return None
        body, self.body = bytes(self.body), bytearray()
        return body

    async def answer(
        self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """Send a whole answer, which has its length among its headers.

        Raises RuntimeError for a header that would be read as something else.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        given = (*self.default_headers, *headers)
        head = b"".join([b"%b: %b\r\n" % each for each in given])
        _check([name for name, _ in given], head)
        if (b"connection", b"close") in given:
            self.keep_alive = False
        elif not self.keep_alive:
            head += _CLOSING
        self.response_started = self.response_complete = True
        cast("JoinedWrites", self.transport).write_now(
            b"%b%b\r\n%b" % (STATUS_LINE[status], head, body)
        )
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _check(names: Sequence[bytes], head: bytes) -> None:
    """Raise RuntimeError unless each header is read as the one it is, and the body as one body."""
    whole = head.count(b"\n") == len(names) and _HEAD.fullmatch(head)
    one_body = names.count(b"content-length") == 1 and b"transfer-encoding" not in names
    if not (whole and one_body and _NAMES.fullmatch(b"".join(names))):
        raise RuntimeError("Invalid HTTP header.")
