"""Long lists in YAML whose items look alike: five times as fast as by the parser alone.

An item is cut into its values and what is around them, its form. The parser reads the first item of
each form; the values of the others are put into the same places. So nothing is known here of what
YAML looks like but for what a value on a line of its own is, and which texts are lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Form = tuple[str, ...]

FEWEST: Final = 10
"""Shorter lists are not worth it."""
MOST_FORMS: Final = 200
"""A list with more forms is not one of items that look alike."""

_UNSEEN: Final = "\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff"
_ODD: Final = re.compile(rf"[{_UNSEEN}]|^(?! |- |\n|\Z)", re.MULTILINE)
_ITEM: Final = re.compile(r"^(?=- )", re.MULTILINE)
_PLAIN: Final = r"[A-Za-z_](?:[A-Za-z0-9_ ./()-]*[A-Za-z0-9_./()-])?"
_QUOTED: Final = r'"(?:[^"\\\n]++|\\(?:["\\nrtbf]|u(?![dD][89A-Fa-f])[0-9A-Fa-f]{4}))*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,20})?"
_VALUE: Final = re.compile(rf"(?<=: )({_PLAIN}|{_QUOTED}|{_NUMBER})(?=\n)")
_PLACE: Final = re.compile(r'"<value ([0-9]+)>"')
_DECODE: Final = msgspec.json.Decoder().decode


def read(text: str, parse: Callable[[str], Any], words: Mapping[str, Any]) -> list[Any] | None:
    """Return the items of a list; None for a text that the parser is to read as a whole.

    ``words`` are plain texts that mean something else. Raises Invalid for what cannot be read.
    """
    if text.count("\n- ") < FEWEST or _ODD.search(text) or not text.startswith("- "):
        return None
    return _Forms(parse, words).items(_ITEM.split(text)[1:])


class _Forms:
    """The forms that were seen in a list.

    Each with what JSON has around the values, None where that is not known.
    """

    def __init__(self, parse: Callable[[str], Any], words: Mapping[str, Any]) -> None:
        self._parse = parse
        self._words = {word: msgspec.json.encode(own).decode() for word, own in words.items()}
        self._known: dict[Form, Sequence[str] | None] = {}

    def items(self, texts: Sequence[str]) -> list[Any] | None:
        """Return the values of the items of a list; None where there are too many forms."""
        found: list[Any] = []
        for text in texts:
            parts = _VALUE.split(text)
            form = tuple(parts[::2])
            if form not in self._known:
                if len(self._known) >= MOST_FORMS:
                    return None
                self._known[form] = self._learned(form)
            around = self._known[form]
            if around is None:
                found += self._parse(text)
                continue
            parts[::2] = around
            parts[1::2] = map(self._json, parts[1::2])
            found.append(_DECODE("".join(parts)))
        return found

    def _json(self, value: str) -> str:
        first = value[0]
        if first == '"' or not (first.isalpha() or first == "_"):
            return value
        return self._words.get(value) or f'"{value}"'

    def _learned(self, form: Form) -> Sequence[str] | None:
        """Return what JSON has around the values of a form: one text more than there are values."""
        count = len(form) - 1
        marks = [f'"<value {place}>"' for place in range(count)]
        marked = "".join(f"{before}{mark}" for before, mark in zip(form, (*marks, ""), strict=True))
        try:
            (value,) = self._parse(marked)
        except (Invalid, ValueError):
            return None
        parts = _PLACE.split(msgspec.json.encode(value).decode())
        return parts[::2] if parts[1::2] == [str(place) for place in range(count)] else None
