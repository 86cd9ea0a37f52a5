"""What a server and its worker processes say to each other: MessagePack behind a length."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from drover.flows.language.numbers import double
from drover.flows.language.text import well_formed
from drover.ports.runner import FlowBatch, RunRecord, Settled

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

LENGTH: Final = struct.Struct("<I")
LONGEST: Final = 1 << 30
"""A longer frame is a fault of the other side."""


class Ready(Struct, frozen=True, tag="ready", array_like=True):
    """The worker can run batches; it knows these handlers."""

    handlers: list[str]


class Loading(Struct, frozen=True, tag="loading", array_like=True):
    """The worker is about to import this module of handlers."""

    module: str


class Broken(Struct, frozen=True, tag="broken", array_like=True):
    """The worker cannot start, for this reason."""

    reason: str


class Worn(Struct, frozen=True, tag="worn", array_like=True):
    """The worker carries too much that outlived its time: another should take its place."""


class Start(Struct, frozen=True, tag="start", array_like=True):
    """Run a batch. Its flow is empty when the worker was sent this tag before."""

    id: int
    batch: FlowBatch


class Forget(Struct, frozen=True, tag="forget", array_like=True):
    """Drop all compiled flows."""


class Ask(Struct, frozen=True, tag="ask", array_like=True):
    """A running batch asks the host for one operation on many requests."""

    batch: int
    id: int
    operation: str
    requests: list[dict[str, Any]]


class Settle(Struct, frozen=True, tag="settle", array_like=True):
    """A running batch acknowledges iterations of its own: JSON rows, and how many."""

    batch: int
    id: int
    rows: bytes
    count: int


class SettleAll(Struct, frozen=True, tag="settle_all", array_like=True):
    """A running batch acknowledges all of its iterations alike."""

    batch: int
    id: int
    ok: bool
    message: str | None


class Answer(Struct, frozen=True, tag="answer", array_like=True):
    """The host's answers to an Ask."""

    id: int
    answers: list[dict[str, Any]]


class Receipt(Struct, frozen=True, tag="receipt", array_like=True):
    """What became of a Settle or SettleAll."""

    id: int
    settled: Settled


class Lost(Struct, frozen=True, tag="lost", array_like=True):
    """The lease is lost: the batch that asked must stop."""

    id: int


class Done(Struct, frozen=True, tag="done", array_like=True):
    """A batch has run. ``plain`` stands for every run of which nothing special is to be told."""

    batch: int
    count: int
    plain: RunRecord
    special: list[tuple[int, RunRecord]]


class Failed(Struct, frozen=True, tag="failed", array_like=True):
    """A batch could not be run to its end; ``lost`` when it had lost its lease."""

    batch: int
    lost: bool
    reason: str


class Unbegun(Struct, frozen=True, tag="unbegun", array_like=True):
    """A batch was not begun: the one it was to come after did not make way."""

    batch: int


FromWorker = Loading | Broken | Ready | Ask | Settle | SettleAll | Done | Failed | Unbegun | Worn
ToWorker = Start | Forget | Answer | Receipt | Lost

WHOLE: Final = range(-(2**63), 2**64)
"""The whole numbers that frames hold as they are."""

UNSENDABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
"""What packing raises for a message that holds, say, a whole number of more than 64 bits."""

_ENCODER: Final = msgspec.msgpack.Encoder()
FROM_WORKER: Final[msgspec.msgpack.Decoder[FromWorker]] = msgspec.msgpack.Decoder(FromWorker)
TO_WORKER: Final[msgspec.msgpack.Decoder[ToWorker]] = msgspec.msgpack.Decoder(ToWorker)


def pack(message: FromWorker | ToWorker) -> bytes:
    """Return a message as a frame; raises one of ``UNSENDABLE``.

    Whole numbers of more than 64 bits are those of JavaScript, halves of surrogate pairs U+FFFD;
    what is beside them stays as it is.
    """
    try:
        body = _ENCODER.encode(message)
    except UNSENDABLE:
        plain = msgspec.to_builtins(message, builtin_types=(bytes, datetime))
        body = _ENCODER.encode(_packable(plain))
    return LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> bytes:
    """Return the body of the next frame; raises EOFError at the end of the stream."""
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > LONGEST:
        raise EOFError("a frame is too long")
    return await reader.readexactly(length)


def mended(values: Sequence[Any]) -> tuple[list[Any], dict[int, str]]:
    """Return values in a form that frames can carry, and why some have none, by rising position.

    These are left out.
    """
    sound: list[Any] = []
    refused: dict[int, str] = {}
    for index, value in enumerate(values):
        try:
            sound.append(_mended(value))
        except UNSENDABLE as error:
            refused[index] = f"{type(error).__name__}: {error}"
    return sound, refused


def _mended(value: Any) -> Any:
    try:
        _ENCODER.encode(value)
    except UNSENDABLE:
        value = _packable(value)
        _ENCODER.encode(value)
    return value


def _packable(value: Any) -> Any:
    """Return a value with what of it no frame can carry in a form that one can."""
    match value:
        case str():
            return well_formed(value)
        case int():  # a boolean is among them
            return value if value in WHOLE else double(value)
        case list() | tuple():
            return [_packable(each) for each in value]
        case dict():
            return {_packable(key): _packable(member) for key, member in value.items()}
        case _:
            return value


def with_refusals(
    answers: Sequence[dict[str, Any]], refused: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return answers with others in the places of those that no frame can carry, or whose request.

    ``refused`` has these places in rising order, and why.
    """
    found = list(answers)
    for index, reason in refused.items():
        message = f"A value cannot be handed on: {reason}"
        found.insert(index, {"error": {"type": "Validation", "message": message}})
    return found


def told(records: list[RunRecord], batch: int) -> Done:
    """Return the records of a batch, those alike folded into one."""
    special = [(index, each) for index, each in enumerate(records) if _is_special(each)]
    alike = [each for each in records if not _is_special(each)] if special else records
    plain = alike or [RunRecord(ok=True)]
    average = RunRecord(
        ok=True,
        paths_completed=round(sum(each.paths_completed for each in plain) / len(plain)),
        wall_time_ms=sum(each.wall_time_ms for each in plain) / len(plain),
    )
    return Done(batch, len(records), average, special)


def mended_record(record: RunRecord) -> RunRecord:
    """Return a record that frames can carry; debug messages that none can are left out."""
    debug, _ = mended(record.debug)
    return replace(record, debug=debug, error=_packable(record.error))


def records_of(done: Done) -> list[RunRecord]:
    """Return one record for each run."""
    records = [done.plain] * done.count
    for index, record in done.special:
        records[index] = record
    return records


def _is_special(record: RunRecord) -> bool:
    return not record.ok or bool(record.debug) or bool(record.paths_failed)
