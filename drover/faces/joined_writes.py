"""One write for an answer: its head and its body leave together.

The HTTP server writes the head of an answer before its body, and each write is a system call and
a packet. Measured, they are a third of what a small answer costs, and the client is woken twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class JoinedWrites:
    """A transport that gathers what is written within one round of the event loop.

    Everything but writing and closing is the transport's own.
    """

    def __init__(
        self, transport: asyncio.Transport, soon: Callable[[Callable[[], None]], object]
    ) -> None:
        self._transport = transport
        self._soon = soon
        self._parts: list[bytes] = []
        self._socket = _socket_of(transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write before the loop goes round."""
        if not self._parts:
            self._soon(self.flush)
        self._parts.append(data)

    def write_now(self, data: bytes) -> None:
        """Write what was gathered and this, before the loop turns to anything else."""
        self._parts.append(data)
        self.flush()

    def close(self) -> None:
        """Write what is left, then close."""
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Write what was gathered, if there is any."""
        parts = self._parts
        if not parts:
            return
        self._parts = []
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        left = self._sent(data)
        if left and not self._transport.is_closing():  # one that has closed refuses it loudly
            self._transport.write(left)

    def _sent(self, data: bytes) -> bytes:
        """Send what the socket takes at once, and return the rest, which is the transport's.

        The transport's own write keeps the interpreter's lock while the system hands the bytes to
        a receiver on this machine, which may take the processor for itself meanwhile.
        """
        transport = self._transport
        # Nothing overtakes what waits in the transport; and a closed number may be another's soon.
        if self._socket < 0 or transport.is_closing() or transport.get_write_buffer_size():
            return data
        try:
            return data[os.write(self._socket, data) :]
        except OSError:  # full, or gone: the transport finds out and deals with it
            return data


def _socket_of(transport: asyncio.Transport) -> int:
    """Return the number of a transport's socket, -1 where the transport does more than to send."""
    if transport.get_extra_info("sslcontext") is not None:
        return -1
    socket = transport.get_extra_info("socket")
    return -1 if socket is None else int(socket.fileno())
