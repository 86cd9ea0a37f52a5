"""Which elements of a document a CSS selector means.

A selector is looked up step by step, each over the whole document once, so that no selector takes
longer than its length and the document's allow.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.flows.markup import Element, walked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Test = Callable[[Element], bool]

LONGEST: Final = 1000
"""Characters of a selector."""

_NAME: Final = r"(?:[\w-]|[^\x00-\x7f])+"
_SIMPLE: Final = re.compile(
    rf"(?P<type>\*|{_NAME})|\#(?P<id>{_NAME})|\.(?P<class>{_NAME})"
    rf"|\[\s*(?P<attribute>{_NAME})\s*(?:(?P<how>[~|^$*]?=)\s*"
    rf"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>{_NAME}))\s*)?\]"
    rf"|:(?P<pseudo>first-child|last-child|only-child|empty)"
    rf"|:nth-child\(\s*(?P<nth>odd|even|[+-]?\d{{1,6}}|[+-]?\d{{0,6}}n(?:\s*[+-]\s*\d{{1,6}})?)\s*\)"
)
_COMBINATOR: Final = re.compile(r"\s*([>+~,])\s*|\s+")
_NTH: Final = re.compile(r"([+-]?\d*)n(?:\s*([+-])\s*(\d+))?")
_NOT: Final = ":not("
_PSEUDO: Final[dict[str, Test]] = {
    "first-child": lambda element: element.position == 1,
    "last-child": lambda element: element.position == _beside(element),
    "only-child": lambda element: _beside(element) == 1,
    "empty": lambda element: not element.children,
}
_MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    "=": str.__eq__,
    "~=": lambda value, wanted: wanted in value.split(),
    "|=": lambda value, wanted: value == wanted or value.startswith(f"{wanted}-"),
    "^=": lambda value, wanted: bool(wanted) and value.startswith(wanted),
    "$=": lambda value, wanted: bool(wanted) and value.endswith(wanted),
    "*=": lambda value, wanted: bool(wanted) and wanted in value,
}


class BadSelector(ValueError):
    """The text is no selector, or one of a kind that is not known here."""


class _Step(NamedTuple):
    """How one element stands to the one before in a selector, and what it is tested for."""

    combinator: str
    tests: tuple[Test, ...]


def selected(root: Element, selector: str) -> list[Element]:
    """Return the elements that a selector means, in the document's order; raises BadSelector."""
    chosen: set[Element] = set()
    for steps in _parsed(selector):
        chosen |= _found(root, steps)
    return [element for element in walked(root) if element in chosen]


def _found(root: Element, steps: list[_Step]) -> set[Element]:
    found: set[Element] = {root}
    for step in steps:
        near = _NEAR[step.combinator](root, found)
        found = {element for element in near if all(test(element) for test in step.tests)}
    return found


def _below(root: Element, found: set[Element]) -> Iterator[Element]:
    inside: set[Element] = set()
    for element in walked(root):
        if element.parent in found or element.parent in inside:
            inside.add(element)
            yield element


def _inside(_root: Element, found: set[Element]) -> Iterator[Element]:
    for element in found:
        yield from element.elements


def _next_to(_root: Element, found: set[Element]) -> Iterator[Element]:
    for parent in {element.parent for element in found if element.parent is not None}:
        beside = parent.elements
        yield from (later for each, later in pairwise(beside) if each in found)


def _after(_root: Element, found: set[Element]) -> Iterator[Element]:
    for parent in {element.parent for element in found if element.parent is not None}:
        begun = False
        for each in parent.elements:
            if begun:
                yield each
            begun = begun or each in found


_NEAR: Final = {" ": _below, ">": _inside, "+": _next_to, "~": _after}


# ---------------------------------------------------------------------- reading a selector


def _parsed(selector: str) -> list[list[_Step]]:
    text = selector.strip()
    if not text or len(text) > LONGEST:
        raise BadSelector(f"A selector has 1 to {LONGEST} characters")
    groups: list[list[_Step]] = [[]]
    at, combinator = 0, " "
    while True:
        tests, at = _compound(text, at)
        groups[-1].append(_Step(combinator, tests))
        if at == len(text):
            return groups
        found = _COMBINATOR.match(text, at)
        if found is None:
            raise _unknown(text, at)
        at, combinator = found.end(), found[1] or " "
        if combinator == ",":
            groups.append([])
            combinator = " "


def _compound(text: str, at: int) -> tuple[tuple[Test, ...], int]:
    """Read what one element is tested for; returns where it ends."""
    tests: list[Test] = []
    start = at
    while True:
        if text.startswith(_NOT, at):
            refused, at = _compound(text, at + len(_NOT))
            if not text.startswith(")", at):
                raise _unknown(text, at)
            tests.append(_none_of(refused))
            at += 1
            continue
        found = _SIMPLE.match(text, at)
        if found is None or (found["type"] and at > start):
            break
        tests.append(_test(found))
        at = found.end()
    if not tests:
        raise _unknown(text, at)
    return tuple(tests), at


def _none_of(refused: tuple[Test, ...]) -> Test:
    return lambda element: not all(test(element) for test in refused)


def _test(found: re.Match[str]) -> Test:
    if found["type"]:
        name = found["type"].lower()
        return lambda element: name in ("*", element.name)
    if found["id"]:
        wanted = found["id"]
        return lambda element: element.attributes.get("id") == wanted
    if found["class"]:
        one = found["class"]
        return lambda element: one in element.attributes.get("class", "").split()
    if found["pseudo"]:
        return _PSEUDO[found["pseudo"]]
    return _nth(found["nth"]) if found["nth"] else _attribute(found)


def _attribute(found: re.Match[str]) -> Test:
    name, how = found["attribute"].lower(), found["how"]
    if how is None:
        return lambda element: name in element.attributes
    given = next((text for text in found.group("double", "single", "bare") if text is not None), "")
    matches = _MATCHES[how]
    return lambda element: name in element.attributes and matches(element.attributes[name], given)


def _nth(text: str) -> Test:
    text = {"odd": "2n+1", "even": "2n"}.get(text, text)
    found = _NTH.fullmatch(text)
    if found is None:
        wanted = int(text)
        return lambda element: element.position == wanted
    step = int(found[1] + "1") if found[1] in ("", "+", "-") else int(found[1])
    offset = int((found[2] or "+") + (found[3] or "0"))
    return lambda element: _is_nth(element.position - offset, step)


def _is_nth(distance: int, step: int) -> bool:
    return distance == 0 if step == 0 else distance % step == 0 and distance // step >= 0


def _beside(element: Element) -> int:
    return element.parent.count if element.parent is not None else 0


def _unknown(text: str, at: int) -> BadSelector:
    return BadSelector(f"The selector cannot be read at '{text[at : at + 40]}'")
