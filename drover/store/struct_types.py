"""Struct types that are whole before more than one thread decodes them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator


def complete_struct_types() -> None:
    """Have msgspec look at every struct type there is, in this thread alone.

    It looks at a type when something is first decoded as one, and lets other threads run meanwhile.
    One that decodes the same type then uses what is half there, and the process ends with a
    segmentation fault: seen as servers that died as they started, once in thousands of times.
    """
    types: set[type[msgspec.Struct]] = set(_below(msgspec.Struct))
    for each in types:
        with suppress(TypeError, NameError):  # one that is only built, never decoded
            msgspec.json.Decoder(each)


def _below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for each in struct.__subclasses__():
        yield each
        yield from _below(each)
