"""JSON Schemas that users write: draft-04 or draft-07, patterns in linear time, no remote parts."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec
import re2
from jsonschema import Draft4Validator, Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from drover.flows.language import UNDEFINED
from drover.flows.payload import jsonable
from drover.flows.visit import Thrown, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

MOST_ERRORS: Final = 100
"""Errors told of one value."""

MOST_STEPS: Final = 300_000
"""Keywords looked at in one check: references to references multiply them without end."""

MOST_SCHEMA_BYTES: Final = 262_144

_STEPS: Final = {"$ref": 5}
"""Keywords that cost more than one step."""

_CHARACTERS: Final = 100
"""So many characters of a value that an error tells of cost as much as a keyword."""

MOST_NESTED: Final = 180
"""Keywords within keywords: each takes some four calls, of which Python allows a thousand.

That limit itself must not be met: the library's registry of references does not survive it.
"""


@dataclass(slots=True)
class _Effort:
    """What the check that goes on may still do."""

    steps: int = MOST_STEPS
    levels: int = MOST_NESTED


_effort: ContextVar[_Effort] = ContextVar("_effort")

_LONGEST_MESSAGE: Final = 1024
_LATER_KEYWORDS: Final = ("const", "contains", "propertyNames", "if")


def check(schema: Any, value: Any) -> list[dict[str, str]]:
    """Return what is wrong with a value as ``{field, message}``.

    Raises Thrown for a bad schema, and for one that takes too long.
    """
    _effort.set(_Effort())
    validator = _validator(_text(schema))
    shown = value if value is UNDEFINED else jsonable(value)
    errors: list[dict[str, str]] = []
    try:
        for error in validator.iter_errors(shown):
            errors.append(_told(error))
            if len(errors) == MOST_ERRORS:
                break
    except (Unresolvable, re2.error) as error:
        raise Thrown(
            "Validation", f"The schema cannot be used: {error}"[:_LONGEST_MESSAGE]
        ) from error
    return errors


def _told(error: ValidationError) -> dict[str, str]:
    field = ".".join(str(part) for part in error.absolute_path)
    return {"field": field, "message": error.message[:_LONGEST_MESSAGE]}


def _text(schema: Any) -> bytes:
    if not isinstance(schema, dict):
        raise Thrown("Validation", "The schema must be an object")
    text = msgspec.json.encode(jsonable(schema))
    if len(text) > MOST_SCHEMA_BYTES:
        raise Thrown("PayloadTooLarge", f"A schema has at most {MOST_SCHEMA_BYTES} bytes")
    return text


@lru_cache(maxsize=256)
def _validator(text: bytes) -> Any:
    schema = msgspec.json.decode(text)
    dialect = str(schema.get("$schema", ""))
    later = "draft-07" in dialect or "draft-06" in dialect
    drafts = (_DRAFT7,) if later else (_DRAFT4_ALONE, _DRAFT7)
    flaws = [next(iter(_flaws(draft, schema)), None) for draft in drafts]
    if None not in flaws:
        raise Thrown("Validation", f"The schema is not valid: {flaws[0]}"[:_LONGEST_MESSAGE])
    return (_DRAFT7 if later else _DRAFT4)(schema, registry=Registry())


def _flaws(draft: Any, schema: Any) -> list[str]:
    """Return what a draft has against a schema: nothing, or its first complaint."""
    rules = draft(draft.META_SCHEMA, registry=Registry(), format_checker=draft.FORMAT_CHECKER)
    return [error.message for error in islice(rules.iter_errors(schema), 1)]


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        named = _compiled(pattern)
        for key in filter(named.search, instance):
            yield from validator.descend(instance[key], subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    named = schema.get("properties") or {}
    patterns = [_compiled(pattern) for pattern in schema.get("patternProperties") or ()]
    extra = [
        key for key in instance if key not in named and not any(p.search(key) for p in patterns)
    ]
    if isinstance(allowed, dict):
        for key in extra:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extra:
        names = ", ".join(repr(key) for key in extra[:10])
        yield ValidationError(f"Additional properties are not allowed ({names})")


def _exclusive(compare: Any, words: str) -> Any:
    """Return a draft-07 bound for draft-04, where a boolean means something else."""

    def check_bound(validator: Any, bound: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(bound, bool) or not validator.is_type(instance, "number"):
            return
        if compare(instance, bound):
            yield ValidationError(f"{instance!r} must be {words} {bound!r}")

    return check_bound


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if unique and isinstance(instance, list) and len(set(map(_key, instance))) < len(instance):
        yield ValidationError("The items are not all different")


def _key(value: Any) -> Hashable:
    """Return what is equal for equal values; a boolean is no number."""
    if isinstance(value, list):
        return "list", *map(_key, value)
    if isinstance(value, dict):
        return "object", frozenset((name, _key(item)) for name, item in value.items())
    return isinstance(value, bool), value


def _counted(keyword: Keyword, steps: int) -> Keyword:
    """Return a keyword that counts as work, and more where it tells of a large value."""

    def check_keyword(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        effort = _effort.get()
        _work(effort, steps)
        effort.levels -= 1
        for error in keyword(validator, wanted, instance, schema) or ():
            _work(effort, measure(instance) // _CHARACTERS)
            yield error
        effort.levels += 1

    return check_keyword


def _work(effort: _Effort, steps: int) -> None:
    effort.steps -= steps
    if effort.steps < 0 or effort.levels <= 0:
        raise Thrown("PayloadTooLarge", "The schema takes too much work to check")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


_PATTERNS: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _extended(draft: Any, keywords: Mapping[str, Any]) -> Any:
    """Return a draft with more keywords, or others, all of which are counted."""
    known = {**draft.VALIDATORS, **keywords}
    counted = {name: _counted(each, _STEPS.get(name, 1)) for name, each in known.items()}
    extended = extend(draft, counted)  # type: ignore[no-untyped-call]  # no types
    # By itself it hands a part that names a draft to that draft, which counts nothing.
    extended.evolve = attrs.evolve
    return extended


_DRAFT7: Final = _extended(Draft7Validator, _PATTERNS)
_DRAFT4_ALONE: Final = _extended(Draft4Validator, _PATTERNS)
_DRAFT4: Final = _extended(
    Draft4Validator,
    {
        **_PATTERNS,
        **{word: Draft7Validator.VALIDATORS[word] for word in _LATER_KEYWORDS},
        "exclusiveMinimum": _exclusive(lambda value, bound: value <= bound, "above"),
        "exclusiveMaximum": _exclusive(lambda value, bound: value >= bound, "below"),
    },
)
