"""The JSON query language of the Losant dialect (Losant-compatible behaviour, section 4).

Choices where the contract is silent:

* A fault is answered with Invalid that names its place as a JSON pointer. What can be read in two
  ways is refused, since a bulk delete may hang on it: an object of no operators, a repeated key.
* An operand of another type than the field's matches nothing (``$ne``, ``$nin``: everything). A
  text operator on a number, a boolean or a date is refused.
* ``$gte: null`` and ``$lte: null`` match missing values, ``$gt`` and ``$lt`` none.
* A null side of a tag means that no tag passes the other side: ``{"color": null}`` matches what
  has no tag ``color``. ``tags: null`` matches what has no tag at all.
"""

from __future__ import annotations

import json
import string
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from drover.model.errors import Flaw, Invalid
from drover.query.fields import (
    Field,
    FieldSet,
    FieldType,
    Literal,
    checked_text,
    compare,
    value_of,
)
from drover.query.tree import (
    ALL,
    ANY_TEXT,
    NOTHING,
    Choice,
    ElementMatch,
    In,
    Member,
    Missing,
    Node,
    Operator,
    TagMatch,
    TextTest,
    all_of,
    any_of,
    negate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_DEPTH: Final = 32
"""How deep ``$and``, ``$or`` and ``$nor`` may nest."""

MAX_CONDITIONS: Final = 1000
"""How many conditions one query may have."""

MAX_ENTRIES: Final = 100
"""How many entries a list in a query may have."""

_MAX_TAG_LENGTH: Final = 255
_MAX_MEMBER_LENGTH: Final = 1024

_MEMBER_NAME: Final = frozenset(string.ascii_letters + string.digits + "_-")

_ORDERS: Final = {
    "$gt": Operator.GREATER,
    "$gte": Operator.GREATER_OR_EQUAL,
    "$lt": Operator.LESS,
    "$lte": Operator.LESS_OR_EQUAL,
}
_TEXTS: Final = {
    "$startsWith": Operator.STARTS_WITH,
    "$endsWith": Operator.ENDS_WITH,
    "$contains": Operator.CONTAINS,
}
_SINGLES: Final = {"$eq": Operator.EQUAL, "$ne": Operator.EQUAL, **_ORDERS, **_TEXTS}
_LISTS: Final = {"$in": Choice.IN, "$nin": Choice.NOT_IN}
_NEGATIVE: Final = frozenset({"$ne", "$nin"})
_NULL_MATCHES: Final = frozenset({"$eq", "$ne", "$gte", "$lte"})


def parse_json(text: str | bytes, fields: FieldSet) -> Node:
    """Return the tree of a query given as JSON text; raises Invalid, for blank text too."""
    try:
        document = json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the query is not valid JSON: {error}", field="query") from error
    return parse(document, fields)


def parse(document: object, fields: FieldSet) -> Node:
    """Return the tree of a decoded query; raises Invalid naming the place and the reason."""
    return _Reader(fields).group(document, "", MAX_DEPTH)


class _Reader:
    """Reads one query; counts its conditions."""

    def __init__(self, fields: FieldSet) -> None:
        self._fields = fields
        self._conditions = 0
        self._groups: Mapping[str, Callable[[list[Node]], Node]] = {
            "$and": all_of,
            "$or": lambda parts: any_of(parts) if parts else ALL,
            "$nor": lambda parts: negate(any_of(parts)) if parts else NOTHING,
        }

    def group(self, document: object, place: str, depth: int) -> Node:
        """Read an object whose entries must all hold."""
        if depth < 0:
            raise _fault(place, f"more than {MAX_DEPTH} levels of $and, $or and $nor")
        entries = _object(document, place, "a query")
        parts = [  # read to the end before combining, so that no fault goes unseen
            self._entry(name, operand, f"{place}/{_escaped(name)}", depth)
            for name, operand in entries.items()
        ]
        return all_of(parts)

    def _entry(self, name: str, operand: object, place: str, depth: int) -> Node:
        combine = self._groups.get(name)
        if combine is not None:
            items = _list(operand, place)
            return combine(
                [self.group(item, f"{place}/{i}", depth - 1) for i, item in enumerate(items)]
            )
        if name.startswith("$"):
            raise _fault(place, f"unknown operator '{name[:64]}'; use $and, $or or $nor")
        with _at(place):
            field = self._fields.get(name)
        return self._field(field, operand, place)

    def _field(self, field: Field, operand: object, place: str) -> Node:
        if field.type is FieldType.TAGS:
            return self._either(field, operand, place, self._tags)
        if field.type is FieldType.ELEMENTS:
            return self._either(field, operand, place, self._element)
        if not isinstance(operand, dict):
            self._count(place)
            return _single(field, "$eq", operand, place)
        return self._operators(field, operand, place)

    def _operators(self, field: Field, operand: dict[str, object], place: str) -> Node:
        fold = operand.get("$ci", False)
        if not isinstance(fold, bool) or (field.strict and "$ci" in operand):
            raise _fault(f"{place}/$ci", "$ci takes true or false, on text")
        operators = {name: value for name, value in operand.items() if name != "$ci"}
        if not operators:
            raise _fault(place, "an object names at least one operator, such as $eq")
        if field.strict and len(operators) > 1:
            raise _fault(place, "an id takes exactly one operator")
        parts: list[Node] = []
        for name, value in operators.items():
            self._count(place)
            parts.append(_operation(field, name, value, f"{place}/{_escaped(name)}", fold=fold))
        return all_of(parts)

    def _either(
        self,
        field: Field,
        operand: object,
        place: str,
        read: Callable[[Field, object, str], Node],
    ) -> Node:
        """Read an object condition, plain or under ``$eq`` or ``$ne``."""
        if isinstance(operand, dict) and operand.keys() & {"$eq", "$ne"}:
            if len(operand) > 1:
                raise _fault(place, "$eq and $ne stand alone here")
            ((name, inner),) = operand.items()
            node = read(field, inner, f"{place}/{name}")
            return negate(node) if name == "$ne" else node
        return read(field, operand, place)

    def _tags(self, field: Field, operand: object, place: str) -> Node:
        if operand is None:
            self._count(place)
            return negate(TagMatch(field.name))
        tests = _object(operand, place, "a tag condition")
        if not tests:
            raise _fault(place, "a tag condition names a key or a value")
        if tests.keys() & {"$tagKey", "$tagValue"}:
            self._count(place)
            return _tag_pair(field, tests, place)
        parts = []
        for key, test in tests.items():
            at = f"{place}/{_escaped(key)}"
            self._count(at)
            if not key or key.startswith("$"):
                raise _fault(at, "not a tag key; use $tagKey, $tagValue or the key itself")
            with _at(at):
                is_key = TextTest(Choice.EQUAL, (checked_text(key),))
            parts.append(_tag_match(field, is_key, _tag_test(test, at)))
        return all_of(parts)

    def _element(self, field: Field, operand: object, place: str) -> Node:
        wanted = _object(operand, place, "a condition on an object")
        if not isinstance(wanted.get("type"), str):
            raise _fault(place, "'type' is required here and is text")
        members: list[Member] = []
        for name, value in wanted.items():
            at = f"{place}/{_escaped(name)}"
            if name not in field.members:
                raise _fault(at, f"unknown member; one of: {', '.join(field.members)}")
            named = _object(value, at, "config").items() if name == "config" else ((None, value),)
            for inner, literal in named:
                self._count(at)
                path = (name,) if inner is None else (name, _member_name(inner, at))
                members.append(Member(path, _member_value(literal, at)))
        return ElementMatch(field.name, tuple(members))

    def _count(self, place: str) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise _fault(place, f"more than {MAX_CONDITIONS} conditions")


def _operation(field: Field, name: str, operand: object, place: str, *, fold: bool) -> Node:
    if name in _LISTS:
        node = _in(field, _list(operand, place), place, fold=fold)
        return negate(node) if name in _NEGATIVE else node
    if name in _SINGLES:
        return _single(field, name, operand, place, fold=fold)
    raise _fault(
        place, f"unknown operator '{name[:64]}'; one of: {', '.join([*_SINGLES, *_LISTS])}"
    )


def _single(field: Field, name: str, operand: object, place: str, *, fold: bool = False) -> Node:
    if operand is None and name not in _TEXTS:
        node: Node = Missing(field.name) if name in _NULL_MATCHES else NOTHING
    else:
        literal = _literal(operand, place)
        if name in _TEXTS and (field.strict or not isinstance(literal, str) or not literal):
            raise _fault(place, f"{name} takes text that is not empty, on a text field")
        with _at(place):
            node = compare(field, _SINGLES[name], literal, fold=fold)
    return negate(node) if name in _NEGATIVE else node


def _in(field: Field, operands: list[object], place: str, *, fold: bool) -> Node:
    values = []
    for index, operand in enumerate(operands):
        at = f"{place}/{index}"
        with _at(at):
            values.append(value_of(field, _literal(operand, at)))
    possible = tuple(value for value in values if value is not None)
    return In(field.name, possible, fold) if possible else NOTHING


def _tag_pair(field: Field, tests: Mapping[str, object], place: str) -> Node:
    for name in tests.keys() - {"$tagKey", "$tagValue"}:
        raise _fault(f"{place}/{_escaped(name)}", "only $tagKey and $tagValue stand together")
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
        return TextTest(Choice.EQUAL, (_short_text(operand, place, _MAX_TAG_LENGTH),))
    test = _object(operand, place, "a test of a tag")
    if len(test) != 1 or not test.keys() <= _LISTS.keys():
        raise _fault(place, "a tag is tested by text, null, $in or $nin")
    ((name, items),) = test.items()
    at = f"{place}/{name}"
    texts = [
        _short_text(item, f"{at}/{index}", _MAX_TAG_LENGTH)
        for index, item in enumerate(_list(items, at))
    ]
    return TextTest(_LISTS[name], tuple(texts))


def _short_text(operand: object, place: str, longest: int) -> str:
    if not isinstance(operand, str) or len(operand) > longest:
        raise _fault(place, f"expected text of at most {longest} characters")
    with _at(place):
        return checked_text(operand)


def _member_name(name: str, place: str) -> str:
    if not _MEMBER_NAME.issuperset(name) or not 0 < len(name) <= _MAX_TAG_LENGTH:
        raise _fault(place, f"'{name[:64]}' is no name of a setting")
    return name


def _member_value(operand: object, place: str) -> Literal | None:
    if operand is None:
        return None
    literal = _literal(operand, place)
    if isinstance(literal, bool):
        return literal
    if isinstance(literal, str):
        return _short_text(literal, place, _MAX_MEMBER_LENGTH)
    if abs(literal) > sys.float_info.max:
        raise _fault(place, "the number is too large")
    return float(literal)


def _literal(operand: object, place: str) -> Literal:
    if isinstance(operand, str | bool | int | float):
        return operand
    if isinstance(operand, list):
        raise _fault(place, "a list is not a value; use $in")
    raise _fault(place, "expected text, a number, true or false")


def _list(operand: object, place: str) -> list[object]:
    if not isinstance(operand, list):
        raise _fault(place, "expected a list")
    if len(operand) > MAX_ENTRIES:
        raise _fault(place, f"a list has at most {MAX_ENTRIES} entries")
    return operand


def _object(operand: object, place: str, what: str) -> dict[str, object]:
    if not isinstance(operand, dict):
        raise _fault(place, f"{what} is an object")
    return operand


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key is repeated within one object")
    return document


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Give the place of the fault to an Invalid raised inside."""
    try:
        yield
    except Invalid as error:
        raise _fault(place, error.message) from error


def _fault(place: str, reason: str) -> Invalid:
    return Invalid(
        f"Invalid query at '{place}': {reason}", field="query", flaws=(Flaw(place, reason),)
    )


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")
