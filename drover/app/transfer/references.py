"""What refers to what: the order in which kinds are brought in, and old ids made new ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drover.model.kind import Kind

_IDS: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{24}(?![0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class Order:
    """Kinds, those that others refer to first.

    ``later`` are the attributes, by kind, that refer to a kind that comes after or to their own;
    they are set once everything is there.
    """

    kinds: Sequence[Kind[Any]]
    later: Mapping[str, frozenset[str]]


def ordered(kinds: Sequence[Kind[Any]]) -> Order:
    """Return the order in which resources of these kinds are stored."""
    known = {kind.one: kind for kind in kinds}
    found: list[Kind[Any]] = []
    begun: set[str] = set()

    def visit(kind: Kind[Any]) -> None:
        if kind.one in begun:
            return
        begun.add(kind.one)
        for target in sorted(_targets(kind)):
            if target in known:
                visit(known[target])
        found.append(kind)

    # What is kept inside another comes after it, whatever that one refers to.
    for kind in sorted(kinds, key=lambda each: bool(each.parent)):
        visit(kind)
    found.sort(key=lambda each: bool(each.parent))
    places = {kind.one: place for place, kind in enumerate(found)}
    later = {
        kind.one: frozenset(
            name
            for name, target in _bundled_references(kind).items()
            if target in places and places[target] >= places[kind.one]
        )
        for kind in found
    }
    return Order(found, later)


def renamed(text: str, ids: Mapping[str, str]) -> str:
    """Return a text in which each id of ``ids`` is replaced, wherever it stands as a word."""

    def replaced(found: re.Match[str]) -> str:
        return ids.get(found[0].lower(), found[0])

    return _IDS.sub(replaced, text)


def _targets(kind: Kind[Any]) -> set[str]:
    return {*_bundled_references(kind).values(), *kind.bundled_after} - {kind.one}


def _bundled_references(kind: Kind[Any]) -> dict[str, str]:
    held = kind.bundled_type.__struct_fields__
    return {name: target for name, target in kind.references.items() if name in held}
