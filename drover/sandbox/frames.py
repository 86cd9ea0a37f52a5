"""The bytes between the server and a caged child: one request, then records in reply.

Both sides import this module, so it may use nothing but the standard library.

    request   length | header length | header (JSON) | item*
    item      shape number | length | payload (JSON)
    reply     length | record*          one or more replies answer a request
    record    item | status | body length | log length | body | logs

The record with the item `END` closes the answer. Items without a record were not run.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

LENGTH: Final = struct.Struct("<I")
ITEM: Final = struct.Struct("<HI")
RECORD: Final = struct.Struct("<IBII")
PROGRESS: Final = struct.Struct("<I")

END: Final = 0xFFFFFFFF
"""Item of the closing record; in the progress page: no item has been started."""

VALUE: Final = 0
"""Status: the body is the result as JSON."""

UNDEFINED: Final = 1
"""Status: the script left no value."""

FAILURE: Final = 2
"""Status: the body is `[name, message, stack]` as JSON."""

STAYS: Final = 0
"""Status of the closing record: the child waits for the next request."""

LEAVES: Final = 1
"""Status of the closing record: the child is about to end."""


class Record(NamedTuple):
    """One answered item."""

    item: int
    status: int
    body: bytes
    logs: bytes


class Item(NamedTuple):
    """One payload on its way in: the number of its shape, and its JSON text."""

    shape: int
    text: bytes


def request(header: bytes, items: Iterable[Item]) -> bytes:
    """Write a request."""
    parts = [LENGTH.pack(len(header)), header]
    for item in items:
        parts += (ITEM.pack(item.shape, len(item.text)), item.text)
    body = b"".join(parts)
    return LENGTH.pack(len(body)) + body


def parse_request(body: bytes) -> tuple[bytes, list[Item]]:
    """Read a request's header and items from its body (what follows the first length)."""
    (size,) = LENGTH.unpack_from(body)
    start = LENGTH.size
    return body[start : start + size], list(_items(body, start + size))


def _items(body: bytes, offset: int) -> Iterator[Item]:
    while offset < len(body):
        shape, size = ITEM.unpack_from(body, offset)
        offset += ITEM.size
        yield Item(shape, body[offset : offset + size])
        offset += size


def record(item: int, status: int, body: bytes = b"", logs: bytes = b"") -> bytes:
    """Write one record."""
    return RECORD.pack(item, status, len(body), len(logs)) + body + logs


def parse_records(reply: bytes) -> Iterator[Record]:
    """Read the records of one reply's body; `ValueError` when it is not whole."""
    offset = 0
    while offset < len(reply):
        if offset + RECORD.size > len(reply):
            raise ValueError("a record is cut short")
        item, status, body_size, logs_size = RECORD.unpack_from(reply, offset)
        offset += RECORD.size
        middle, end = offset + body_size, offset + body_size + logs_size
        if end > len(reply):
            raise ValueError("a record is cut short")
        yield Record(item, status, reply[offset:middle], reply[middle:end])
        offset = end
