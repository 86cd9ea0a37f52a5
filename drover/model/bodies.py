"""Request bodies: strict decoding with errors that name the field, and values taken from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Struct

from drover.model.errors import Invalid
from drover.model.instants import to_ms, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

S = TypeVar("S")

_NAMED: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def decode(body: bytes, shape: type[S]) -> S:
    """Decode a JSON body to ``shape``; an empty one is an empty object.

    Raises Invalid naming the field.
    """
    if b"\\u0000" in body and _NUL.search(body):
        raise Invalid("Text must not hold the character U+0000")
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise Invalid("The body is not valid JSON: it is nested too deep") from error


def convert(value: object, shape: type[S], place: str = "") -> S:
    """Check a decoded value against ``shape``; raises Invalid naming the field."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), place) from error


@dataclass(frozen=True, slots=True)
class Giver:
    """Takes the values a caller gave out of a decoded body, in the form they are kept in.

    ``names`` maps attributes to wire names, ``moments`` are dates, ``ids`` hold ids.
    """

    names: Mapping[str, str]
    moments: frozenset[str]
    ids: frozenset[str]

    def given(self, body: Struct, clearable: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the given attributes; one that null clears gets its value of ``clearable``."""
        found: dict[str, Any] = {}
        for name in body.__struct_fields__:
            value = getattr(body, name)
            if value is UNSET:
                continue
            if value is None and clearable and name in clearable:
                value = clearable[name]
            found[name] = self._kept(name, value)
        return found

    def _kept(self, name: str, value: Any) -> Any:
        if name in self.moments and isinstance(value, str):
            return self._moment(name, value)
        if name in self.ids:
            return _lower(value)
        return value

    def _moment(self, name: str, text: str) -> str:
        try:
            return to_text(to_ms(text))
        except Invalid as error:
            raise Invalid(
                f"{error.message} at `{self.names[name]}`", field=self.names[name]
            ) from error


def _lower(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower() if "{{" not in value else value
    return tuple(map(_lower, value)) if isinstance(value, tuple) else value


def _invalid(text: str, place: str = "") -> Invalid:
    message, _, where = text.partition(" - at ")
    around = f"{place}{where.strip('`').removeprefix('$')}".lstrip(".")
    named = _NAMED.search(message)
    field = ".".join(part for part in (around, named[1] if named else "") if part)
    return Invalid(f"{message} at `{around}`" if around else message, field=field or None)
