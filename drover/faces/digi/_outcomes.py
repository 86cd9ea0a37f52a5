"""What a verb did to jobs, as JSON and XML; many of them in pieces, so that memory stays flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.faces.digi import _xml
from drover.faces.digi._documents import outcome, outcome_figures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from drover.app.inventory_verbs import Outcome

_AT_ONCE: Final = 1000


def as_json(done: Sequence[Outcome]) -> bytes | AsyncIterator[bytes]:
    """Return the document, or its pieces where it is long."""
    head = msgspec.json.encode({**outcome_figures(done), "list": []}).removesuffix(b"]}")
    return _whole([head, *_parts_of_json(done), b"]}"]) if _few(done) else _json(head, done)


def as_xml(done: Sequence[Outcome]) -> bytes | AsyncIterator[bytes]:
    """Return the document, or its pieces where it is long."""
    head = _xml.document("result", {**outcome_figures(done), "list": ()})
    head = head.removesuffix(b"</list></result>")
    return _whole([head, *_parts_of_xml(done), _END]) if _few(done) else _as_xml(head, done)


_END: Final = b"</list></result>"


def _few(done: Sequence[Outcome]) -> bool:
    return len(done) <= _AT_ONCE


def _whole(pieces: list[bytes]) -> bytes:
    return b"".join(pieces)


async def _json(head: bytes, done: Sequence[Outcome]) -> AsyncIterator[bytes]:
    yield head
    for part in _parts_of_json(done):
        yield part
    yield b"]}"


async def _as_xml(head: bytes, done: Sequence[Outcome]) -> AsyncIterator[bytes]:
    yield head
    for part in _parts_of_xml(done):
        yield part
    yield _END


def _parts_of_json(done: Sequence[Outcome]) -> Iterator[bytes]:
    for start in range(0, len(done), _AT_ONCE):
        part = msgspec.json.encode([outcome(each) for each in done[start : start + _AT_ONCE]])
        yield (b"," if start else b"") + part[1:-1]


def _parts_of_xml(done: Sequence[Outcome]) -> Iterator[bytes]:
    for start in range(0, len(done), _AT_ONCE):
        part = done[start : start + _AT_ONCE]
        yield "".join([_xml.element("item", outcome(each)) for each in part]).encode()
