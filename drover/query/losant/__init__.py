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
from typing import TYPE_CHECKING, Final, NoReturn

from drover.model.errors import Invalid
from drover.query.fields import FieldSet, FieldType
from drover.query.losant.faults import MAX_ENTRIES, At, escaped, fault, list_in, object_in
from drover.query.losant.objects import read_object
from drover.query.losant.scalars import read_scalar
from drover.query.tree import ALL, NOTHING, Node, all_of, any_of, negate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["MAX_CONDITIONS", "MAX_DEPTH", "MAX_ENTRIES", "parse", "parse_json"]

MAX_DEPTH: Final = 32
"""How deep ``$and``, ``$or`` and ``$nor`` may nest."""

MAX_CONDITIONS: Final = 1000
"""How many conditions one query may have."""

_GROUPS: Final[Mapping[str, Callable[[list[Node]], Node]]] = {
    "$and": all_of,
    "$or": lambda parts: any_of(parts) if parts else ALL,
    "$nor": lambda parts: negate(any_of(parts)) if parts else NOTHING,
}
_OBJECTS: Final = frozenset({FieldType.TAGS, FieldType.ELEMENTS})


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

    def group(self, document: object, place: str, depth: int) -> Node:
        """Read an object whose entries must all hold."""
        if depth < 0:
            raise fault(place, f"more than {MAX_DEPTH} levels of $and, $or and $nor")
        entries = object_in(document, place, "a query")
        parts = [  # read to the end before combining, so that no fault goes unseen
            self._entry(name, operand, f"{place}/{escaped(name)}", depth)
            for name, operand in entries.items()
        ]
        return all_of(parts)

    def _entry(self, name: str, operand: object, place: str, depth: int) -> Node:
        combine = _GROUPS.get(name)
        if combine is not None:
            items = list_in(operand, place)
            return combine(
                [self.group(item, f"{place}/{i}", depth - 1) for i, item in enumerate(items)]
            )
        if name.startswith("$"):
            raise fault(place, f"unknown operator '{name[:64]}'; use $and, $or or $nor")
        with At(place):
            field = self._fields.get(name)
        read = read_object if field.type in _OBJECTS else read_scalar
        return read(field, operand, place, self._count)

    def _count(self, place: str) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise fault(place, f"more than {MAX_CONDITIONS} conditions")


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key is repeated within one object")
    return document


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
