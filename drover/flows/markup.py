"""Markup as a tree: HTML read as browsers read it, as far as workflows look at it.

It is read in one pass, in time that grows with its length alone: what is never closed reaches to
the end.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DEPTH: Final = 256
"""Elements within elements; deeper ones stand beside."""

MOST_ELEMENTS: Final = 50_000
"""Of one document."""

VOID: Final = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track")
)
"""Elements that have no content and no end."""

_RAW: Final = frozenset(("script", "style"))
_TEXT_ONLY: Final = frozenset(("textarea", "title"))
_CLOSED_BY: Final = {
    "li": frozenset(("li",)),
    "dt": frozenset(("dt", "dd")),
    "dd": frozenset(("dt", "dd")),
    "p": frozenset(("p",)),
    "option": frozenset(("option",)),
    "tr": frozenset(("tr", "td", "th")),
    "td": frozenset(("td", "th")),
    "th": frozenset(("td", "th")),
}
"""The elements that one ends by beginning, where it stands directly in them."""

_MARK: Final = re.compile(r"<[A-Za-z!/?]")
_NAME_END: Final = re.compile(r"[\s/>]")
_ATTRIBUTE: Final = re.compile(r"[\s/]*([^\s/>=]{1,1000})(\s*=\s*)?")
_BARE: Final = re.compile(r"[^\s>]+")


@dataclass(slots=True, eq=False)
class Element:
    """One element; children are elements and texts in order.

    It is at a ``position`` among the elements beside it, from 1, and holds a ``count`` of others.
    """

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    parent: Element | None = None
    depth: int = 0
    position: int = 0
    count: int = 0

    @property
    def elements(self) -> list[Element]:
        """The children that are elements."""
        return [each for each in self.children if isinstance(each, Element)]


class TooManyElements(ValueError):
    """The document has more elements than are read."""


def parsed(text: str) -> Element:
    """Return a nameless element that holds the whole document; raises TooManyElements."""
    reading = _Reading(text)
    while reading.at < len(text):
        reading.step()
    return reading.root


def walked(root: Element) -> Iterator[Element]:
    """Yield the elements below one, in the order in which they begin."""
    pending = root.elements[::-1]
    while pending:
        element = pending.pop()
        yield element
        pending.extend(reversed(element.elements))


def text_of(element: Element) -> str:
    """Return the text inside an element."""
    parts: list[str] = []
    pending: list[Element | str] = [element]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            parts.append(each)
        else:
            pending.extend(reversed(each.children))
    return "".join(parts)


def markup_of(element: Element) -> str:
    """Return an element as markup, each element with its end."""
    parts: list[str] = []
    pending: list[Element | str | tuple[str]] = [element]
    while pending:
        each = pending.pop()
        if isinstance(each, tuple):
            parts.append(each[0])
        elif isinstance(each, str):
            parts.append(html.escape(each, quote=False))
        else:
            parts.append(_begin(each))
            if each.name not in VOID:
                pending.append((f"</{each.name}>",))
                pending.extend(reversed(each.children))
    return "".join(parts)


def value_of(element: Element) -> dict[str, Any]:
    """Return an element as a JSON value: its name, attributes and children; texts are strings."""
    children: list[Any] = []
    for is_text, group in groupby(element.children, lambda each: isinstance(each, str)):
        if is_text:
            children.append("".join(map(str, group)))
        else:
            children += [value_of(each) for each in group if isinstance(each, Element)]
    return {"name": element.name, "attributes": dict(element.attributes), "children": children}


def _begin(element: Element) -> str:
    given = "".join(f' {name}="{html.escape(v)}"' for name, v in element.attributes.items())
    return f"<{element.name}{given}{'/' if element.name in VOID else ''}>"


class _Reading:
    """A document while it is read: how far, and which element is open."""

    def __init__(self, text: str) -> None:
        self.root = Element("")
        self.at = 0
        self._text = text
        self._open = self.root
        self._names: Counter[str] = Counter()
        self._left = MOST_ELEMENTS

    def step(self) -> None:
        """Read up to the end of one text, comment or tag."""
        text, start = self._text, self.at
        mark = _MARK.match(text, start)
        if mark is None:
            following = _MARK.search(text, start)
            self.at = following.start() if following else len(text)
            self._open.children.append(html.unescape(text[start : self.at]))
        elif text.startswith("<!--", start):
            self.at = self._past("-->", start + 4)
        elif text.startswith(("<!", "<?"), start):
            self.at = self._past(">", start)
        elif text.startswith("</", start):
            self._end(start + 2)
        else:
            self._begin(start + 1)

    def _begin(self, start: int) -> None:
        end = _NAME_END.search(self._text, start)
        stop = end.start() if end else len(self._text)
        name = self._text[start:stop].lower()
        attributes = self._attributes(stop)
        if self._open.name in _CLOSED_BY.get(name, ()):
            self._close()
        element = self._added(name, attributes)
        if name in _RAW or name in _TEXT_ONLY:
            self._fill(element)
        elif name not in VOID and element.depth < MOST_DEPTH:
            self._names[name] += 1
            self._open = element

    def _added(self, name: str, attributes: dict[str, str]) -> Element:
        self._left -= 1
        if self._left < 0:
            raise TooManyElements(f"The document has more than {MOST_ELEMENTS} elements")
        parent = self._open
        parent.count += 1
        element = Element(
            name, attributes, parent=parent, depth=parent.depth + 1, position=parent.count
        )
        parent.children.append(element)
        return element

    def _attributes(self, start: int) -> dict[str, str]:
        """Read up to the end of a tag; one that has none takes all that is left."""
        attributes: dict[str, str] = {}
        self.at = start
        while found := _ATTRIBUTE.match(self._text, self.at):
            self.at = found.end()
            value = html.unescape(self._value()) if found[2] else ""
            attributes.setdefault(found[1].lower(), value)
        self.at = self._past(">", self.at)
        return attributes

    def _value(self) -> str:
        mark = self._text[self.at : self.at + 1]
        if mark and mark in "\"'":
            start = self.at + 1
            end = self._found(mark, start)
            self.at = end + 1
            return self._text[start:end]
        found = _BARE.match(self._text, self.at)
        self.at = found.end() if found else self.at
        return found[0] if found else ""

    def _fill(self, element: Element) -> None:
        """Read the text of an element in which there are no others, up to its end."""
        end = re.compile(f"</{element.name}", re.IGNORECASE).search(self._text, self.at)
        stop = end.start() if end else len(self._text)
        inside = self._text[self.at : stop]
        if inside:
            element.children.append(inside if element.name in _RAW else html.unescape(inside))
        self.at = self._past(">", stop)

    def _end(self, start: int) -> None:
        end = _NAME_END.search(self._text, start)
        name = self._text[start : end.start()].lower() if end else ""
        self.at = self._past(">", start)
        if self._names[name] > 0:
            while self._close() != name:
                pass

    def _close(self) -> str:
        """Close the element that is open, and return its name."""
        name = self._open.name
        self._names[name] -= 1
        self._open = self._open.parent or self.root
        return name

    def _found(self, mark: str, start: int) -> int:
        at = self._text.find(mark, start)
        return len(self._text) if at < 0 else at

    def _past(self, mark: str, start: int) -> int:
        return min(len(self._text), self._found(mark, start) + len(mark))
