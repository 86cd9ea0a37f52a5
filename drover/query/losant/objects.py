"""Conditions on tags, and on objects in lists such as a workflow's triggers."""

from __future__ import annotations

import string
import sys
from typing import TYPE_CHECKING, Final

from drover.query.fields import Field, FieldType, Literal, checked_text
from drover.query.losant.faults import At, escaped, fault, list_in, literal_in, object_in, text_in
from drover.query.tree import (
    ANY_TEXT,
    Choice,
    ElementMatch,
    Member,
    Node,
    TagMatch,
    TextTest,
    all_of,
    negate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Count = Callable[[str], None]

_MAX_TAG_LENGTH: Final = 255
_MAX_MEMBER_LENGTH: Final = 1024
_MEMBER_NAME: Final = frozenset(string.ascii_letters + string.digits + "_-")
_LISTS: Final = {"$in": Choice.IN, "$nin": Choice.NOT_IN}


def read_object(field: Field, operand: object, place: str, count: Count) -> Node:
    """Read a condition, bare or under ``$eq`` or ``$ne``; raises Invalid.

    ``count`` is told the place of each part.
    """
    read = _tags if field.type is FieldType.TAGS else _element
    if not isinstance(operand, dict) or not operand.keys() & {"$eq", "$ne"}:
        return read(field, operand, place, count)
    if len(operand) > 1:
        raise fault(place, "$eq and $ne stand alone here")
    ((name, inner),) = operand.items()
    node = read(field, inner, f"{place}/{name}", count)
    return negate(node) if name == "$ne" else node


# Tags ---------------------------------------------------------------------------------------------


def _tags(field: Field, operand: object, place: str, count: Count) -> Node:
    if operand is None:
        count(place)
        return negate(TagMatch(field.name))
    tests = object_in(operand, place, "a tag condition")
    if not tests:
        raise fault(place, "a tag condition names a key or a value")
    if tests.keys() & {"$tagKey", "$tagValue"}:
        count(place)
        return _tag_pair(field, tests, place)
    parts: list[Node] = []
    for key, test in tests.items():
        count(place)
        parts.append(_tag_by_key(field, key, test, f"{place}/{escaped(key)}"))
    return all_of(parts)


def _tag_by_key(field: Field, key: str, test: object, place: str) -> Node:
    if not key or key.startswith("$"):
        raise fault(place, "not a tag key; use $tagKey, $tagValue or the key itself")
    with At(place):
        is_key = TextTest(Choice.EQUAL, (checked_text(key),))
    return _tag_match(field, is_key, _tag_test(test, place))


def _tag_pair(field: Field, tests: Mapping[str, object], place: str) -> Node:
    for name in tests.keys() - {"$tagKey", "$tagValue"}:
        raise fault(f"{place}/{escaped(name)}", "only $tagKey and $tagValue stand together")
    key, value = (
        _tag_test(tests[name], f"{place}/{name}") if name in tests else ANY_TEXT
        for name in ("$tagKey", "$tagValue")
    )
    return _tag_match(field, key, value)


def _tag_match(field: Field, key: TextTest | None, value: TextTest | None) -> Node:
    node = TagMatch(field.name, key or ANY_TEXT, value or ANY_TEXT)
    return negate(node) if key is None or value is None else node


def _tag_test(operand: object, place: str) -> TextTest | None:
    """Read one side of a tag; None stands for null."""
    if operand is None:
        return None
    if isinstance(operand, str):
        return TextTest(Choice.EQUAL, (text_in(operand, place, _MAX_TAG_LENGTH),))
    test = object_in(operand, place, "a test of a tag")
    if len(test) != 1 or not test.keys() <= _LISTS.keys():
        raise fault(place, "a tag is tested by text, null, $in or $nin")
    ((name, items),) = test.items()
    at = f"{place}/{name}"
    texts = [
        text_in(item, f"{at}/{index}", _MAX_TAG_LENGTH)
        for index, item in enumerate(list_in(items, at))
    ]
    return TextTest(_LISTS[name], tuple(texts))


# Objects ------------------------------------------------------------------------------------------


def _element(field: Field, operand: object, place: str, count: Count) -> Node:
    wanted = object_in(operand, place, "a condition on an object")
    if not isinstance(wanted.get("type"), str):
        raise fault(place, "'type' is required here and is text")
    members: list[Member] = []
    for name, value in wanted.items():
        at = f"{place}/{escaped(name)}"
        if name not in field.members:
            raise fault(at, f"unknown member; one of: {', '.join(field.members)}")
        members.extend(_members(name, value, at))
    for _ in members:
        count(place)
    return ElementMatch(field.name, tuple(members))


def _members(name: str, operand: object, place: str) -> list[Member]:
    if name != "config":
        return [Member((name,), _member_value(operand, place))]
    settings = object_in(operand, place, "config")
    return [
        Member((name, _member_name(inner, place)), _member_value(value, place))
        for inner, value in settings.items()
    ]


def _member_name(name: str, place: str) -> str:
    if not _MEMBER_NAME.issuperset(name) or not 0 < len(name) <= _MAX_TAG_LENGTH:
        raise fault(place, f"'{name[:64]}' is no name of a setting")
    return name


def _member_value(operand: object, place: str) -> Literal | None:
    if operand is None:
        return None
    literal = literal_in(operand, place)
    if isinstance(literal, bool):
        return literal
    if isinstance(literal, str):
        return text_in(literal, place, _MAX_MEMBER_LENGTH)
    if abs(literal) > sys.float_info.max:
        raise fault(place, "the number is too large")
    return float(literal)
