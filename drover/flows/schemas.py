"""JSON Schemas that users write: draft-04 or draft-07, patterns in linear time, no remote parts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import re2
from jsonschema import Draft4Validator, Draft7Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from drover.flows.language import UNDEFINED
from drover.flows.payload import jsonable
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_ERRORS: Final = 100
"""Errors told of one value."""

_LONGEST_MESSAGE: Final = 1024
_LATER_KEYWORDS: Final = ("const", "contains", "propertyNames", "if")


def check(schema: Any, value: Any) -> list[dict[str, str]]:
    """Return what is wrong with a value as ``{field, message}``; raises Thrown for a bad schema."""
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
    return msgspec.json.encode(jsonable(schema))


@lru_cache(maxsize=256)
def _validator(text: bytes) -> Any:
    schema = msgspec.json.decode(text)
    dialect = str(schema.get("$schema", ""))
    later = "draft-07" in dialect or "draft-06" in dialect
    drafts = (Draft7Validator,) if later else (Draft4Validator, Draft7Validator)
    flaws = [next(iter(_flaws(draft, schema)), None) for draft in drafts]
    if None not in flaws:
        raise Thrown("Validation", f"The schema is not valid: {flaws[0]}"[:_LONGEST_MESSAGE])
    return (_DRAFT7 if later else _DRAFT4)(schema, registry=Registry())


def _flaws(draft: Any, schema: Any) -> list[str]:
    """Return what a draft has against a schema: nothing, or its first complaint."""
    try:
        draft.check_schema(schema)
    except SchemaError as error:
        return [error.message]
    return []


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


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


_PATTERNS: Final = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
_DRAFT7: Final = extend(Draft7Validator, _PATTERNS)  # type: ignore[no-untyped-call]  # no types
_DRAFT4: Final = extend(  # type: ignore[no-untyped-call]  # as above
    Draft4Validator,
    {
        **_PATTERNS,
        **{word: Draft7Validator.VALIDATORS[word] for word in _LATER_KEYWORDS},
        "exclusiveMinimum": _exclusive(lambda value, bound: value <= bound, "above"),
        "exclusiveMaximum": _exclusive(lambda value, bound: value >= bound, "below"),
    },
)
