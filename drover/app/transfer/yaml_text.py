"""YAML as bundles hold it: what JSON can say, in blocks that people read.

Written so that YAML 1.1 and 1.2 readers agree on it. Read by the rules of YAML 1.2 for plain
words, so that ``no`` and ``12:30`` stay texts; anchors, tags and several documents are refused.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import yaml

from drover.app.transfer import yaml_items
from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEEPEST: Final = 100
"""How many collections may lie in one another."""

MOST_ITEMS: Final = 1_000_000
"""Items that a list may have: one of millions can be packed to next to nothing."""
MOST_VALUES: Final = 5_000_000
"""Texts, numbers and collections that a document may hold where it is no list of items alike."""

_PLAIN: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_ ./()-]*[A-Za-z0-9_./()-])?")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none"})
_UNSEEN: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff"
_HIDDEN: Final = re.compile(f"[{_UNSEEN}]")
_LITERAL: Final = re.compile(f"[^ \t\n{_UNSEEN}][^{_UNSEEN}]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CONSTANTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST_NUMBER: Final = 400
_LONGEST_TEXT: Final = 1_000_000
_LONGEST_KEY: Final = 1000
"""YAML takes longer ones only where a question mark stands before them."""


def dumps(value: Any) -> str:
    """Return a decoded JSON value as a YAML document."""
    lines: list[str] = []
    _write(lines, value, "", "")
    return "\n".join(lines) + "\n"


def dump_item(value: Any) -> str:
    """Return a value as an entry of a list that is a document of its own."""
    lines: list[str] = []
    _write(lines, [value], "", "")
    return "\n".join(lines) + "\n"


def loads(text: bytes) -> Any:
    """Return the value of a YAML document; raises Invalid."""
    if text.count(b"\n- ") >= MOST_ITEMS:
        raise Invalid(f"A list may have {MOST_ITEMS} items")
    with suppress(Invalid, UnicodeDecodeError):
        items = yaml_items.read(text.decode(), parsed, _CONSTANTS)
        if items is not None:
            return items
    return parsed(text)  # which also tells where a list is wrong


def parsed(text: bytes | str) -> Any:
    """Return the value of a YAML document, read from its beginning to its end; raises Invalid."""
    try:
        return _Reading().of(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise Invalid(f"It is not valid YAML: {_told(error)}") from error


def _write(lines: list[str], value: Any, first: str, indent: str) -> None:
    """Add the lines of a value; ``first`` stands before it in its first line."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            _write_member(lines, f"{first}{_key(key, indent)}:", each, indent)
            first = indent
    elif isinstance(value, list) and value:
        for each in value:
            if isinstance(each, dict | list) and each:
                _write(lines, each, f"{first}- ", f"{indent}  ")
            else:
                lines.append(f"{first}- {_scalar(each, indent)}")
            first = indent
    else:
        lines.append(f"{first}{_scalar(value, indent)}")


def _write_member(lines: list[str], head: str, value: Any, indent: str) -> None:
    if isinstance(value, dict | list) and value:
        lines.append(head)
        _write(lines, value, f"{indent}  ", f"{indent}  ")
    else:
        lines.append(f"{head} {_scalar(value, indent)}")


def _key(key: str, indent: str) -> str:
    text = key if _is_plain(key) else _quoted(key)
    return text if len(text) <= _LONGEST_KEY else f"? {text}\n{indent}"


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS


def _scalar(value: Any, indent: str) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _is_plain(value):
        return value
    if "\n" in value and _LITERAL.fullmatch(value):
        return _literal(value, indent)
    return _quoted(value)


def _quoted(value: str) -> str:
    return _HIDDEN.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _literal(value: str, indent: str) -> str:
    body = value.rstrip("\n")
    ends = len(value) - len(body)
    sign = "-" if not ends else "" if ends == 1 else "+"
    lines = [f"{indent}  {line}" if line else "" for line in body.split("\n")]
    return "\n".join([f"|{sign}", *lines, *[""] * (ends - 1)])


class _Reading:
    """Builds a value from the events of a parser, without going deeper than its own stack."""

    def __init__(self) -> None:
        self._open: list[Any] = []
        self._keys: list[str | None] = []
        self._root: list[Any] = []
        self._left = MOST_VALUES

    def of(self, events: Iterator[yaml.Event]) -> Any:
        """Return the only document's value; None when there is none."""
        for event in events:
            self._take(event)
        return self._root[0] if self._root else None

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            _check(event)
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            _check(event)
            self._begin({} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise Invalid(f"Anchors are not accepted{_at(event)}")

    def _begin(self, made: dict[str, Any] | list[Any]) -> None:
        if len(self._open) >= DEEPEST:
            raise Invalid(f"At most {DEEPEST} collections may lie in one another")
        self._place(made)
        self._open.append(made)
        self._keys.append(None)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if len(event.value) > _LONGEST_TEXT:
            raise Invalid(f"A text may have {_LONGEST_TEXT} characters{_at(event)}")
        within = self._open[-1] if self._open else None
        if isinstance(within, dict) and self._keys[-1] is None:
            if event.value in within:
                raise Invalid(f"The key {event.value[:80]} stands twice{_at(event)}")
            self._keys[-1] = event.value
        else:
            self._place(_plain(event) if event.implicit[0] else event.value)

    def _place(self, value: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise Invalid(f"At most {MOST_VALUES} values are read")
        within = self._open[-1] if self._open else self._root
        if isinstance(within, list):
            if within is self._root and within:
                raise Invalid("Only one document is accepted")
            within.append(value)
            return
        key = self._keys[-1]
        if key is None:
            raise Invalid("Only texts are accepted as keys")
        within[key] = value
        self._keys[-1] = None


def _check(event: Any) -> None:
    if event.anchor is not None:
        raise Invalid(f"Anchors are not accepted{_at(event)}")
    if event.tag is not None:
        raise Invalid(f"Tags are not accepted{_at(event)}")


def _plain(event: yaml.ScalarEvent) -> Any:
    text = event.value
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "-0123456789" and len(text) <= _LONGEST_NUMBER:
        number = _NUMBER.fullmatch(text)
        if number is not None:
            return float(text) if number[1] or number[2] else int(text)
    return text


def _at(event: Any) -> str:
    return f" (line {event.start_mark.line + 1})"


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)


def items(pieces: Sequence[Any]) -> str:
    """Return a list's document; an empty one says so."""
    return "".join(map(dump_item, pieces)) or "[]\n"
