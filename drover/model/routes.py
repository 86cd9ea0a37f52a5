"""Routes of endpoints: paths with named parts, and which of several a path belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_PARTS: Final = 32

_NAME: Final = re.compile(r"\{(?P<name>[0-9A-Za-z_-]{1,64})(?P<rest>\*?)\}")
_PLAIN: Final = re.compile(r"[^{}/?#\s]{1,255}")


class Part(NamedTuple):
    """One part of a route: a text, a name for any text, or a name for all that follows."""

    text: str
    named: bool = False
    rest: bool = False


def route_parts(route: str) -> tuple[Part, ...] | None:
    """Return the parts of a route; None for a text that is no route.

    ``/`` has none. A ``{name}`` stands for one part, a last ``{name*}`` for one or more. No name
    comes twice.
    """
    if not route.startswith("/"):
        return None
    texts = [text for text in route.split("/")[1:] if text]
    parts = [part for text in texts if (part := _part(text)) is not None]
    names = [part.text for part in parts if part.named]
    broken = len(parts) < len(texts) or len(names) > len(set(names)) or len(parts) > MOST_PARTS
    return None if broken or any(part.rest for part in parts[:-1]) else tuple(parts)


def matched(parts: Sequence[Part], path: str) -> Mapping[str, str] | None:
    """Return the values that a path gives a route's names; None where it is not the route's."""
    texts = [text for text in path.split("/") if text]
    if parts and parts[-1].rest and len(texts) > len(parts):
        texts[len(parts) - 1 :] = ["/".join(texts[len(parts) - 1 :])]
    if len(texts) != len(parts):
        return None
    values: dict[str, str] = {}
    for part, text in zip(parts, texts, strict=True):
        if part.named:
            values[part.text] = text
        elif part.text != text:
            return None
    return values


def precedence(parts: Sequence[Part]) -> tuple[int, ...]:
    """Return what sorts routes so that of several that match a path the most exact comes first."""
    return tuple(int(part.named) + int(part.rest) for part in parts)


def _part(text: str) -> Part | None:
    named = _NAME.fullmatch(text)
    if named:
        return Part(named["name"], named=True, rest=bool(named["rest"]))
    return Part(text) if _PLAIN.fullmatch(text) else None
