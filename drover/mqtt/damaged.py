"""Streams whose files a power loss has damaged, put aside before the broker meets them.

It passes over a stream that it cannot read and makes no other in its place, nor a consumer whose
state it cannot read: no device could report any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_STREAMS: Final = "jetstream/*/streams/*"
_STATES: Final = "obs/*/o.dat"
_DESCRIBED: Final = "meta.inf"
_CHECKED: Final = "meta.sum"


def put_aside(store: Path, aside: Path) -> Sequence[Path]:
    """Move what is damaged in a broker's store to another folder; return what was.

    The broker makes anew what it misses: of a consumer it forgets what was acknowledged, so that
    messages are stored twice rather than not at all. Raises OSError.
    """
    damaged = []
    for stream in sorted(store.glob(_STREAMS)):
        if not _is_described(stream):
            damaged.append(stream)
        else:
            damaged += [each for each in sorted(stream.glob(_STATES)) if _is_blank(each)]
    for each in damaged:
        place = aside / each.relative_to(store)
        place.parent.mkdir(parents=True, exist_ok=True)
        each.rename(place)
    return damaged


def _is_described(stream: Path) -> bool:
    """Tell whether the broker finds out what stream this is."""
    try:
        msgspec.json.decode((stream / _DESCRIBED).read_bytes())
        blank = _is_blank(stream / _CHECKED)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return not blank


def _is_blank(file: Path) -> bool:
    """Tell whether nothing was written to a file, or nothing of it reached the disk."""
    return not file.read_bytes().strip(b"\0")
