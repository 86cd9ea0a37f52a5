"""Payload paths: where in a payload a value is read, written or removed.

    path    = "." | segment *( "." segment )
    segment = bare | "[" any character but "]" "]"

Losant-compatible behaviour, sections 2.2 and 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from drover.flows.language.caching import cached
from drover.flows.language.errors import LanguageError, PathError
from drover.flows.language.limits import MAX_INDEX, MAX_SOURCE
from drover.flows.language.text import length_in_units, slice_units
from drover.flows.language.values import UNDEFINED, Payload, Value, deep_copy


class Index(NamedTuple):
    """A bracketed whole number: an array index, or a key of an object."""

    key: str
    number: int


Step: TypeAlias = str | Index
Steps: TypeAlias = tuple[Step, ...]
Reader: TypeAlias = Callable[[Value], Value]

_SEGMENT: Final = re.compile(r"\[([^\]]*)\]|([^.\[\]{}\"'\s]+)")
_WHOLE_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")


def bracketed(inside: str) -> Step:
    """Return the step of a bracketed segment."""
    return Index(inside, int(inside)) if _WHOLE_NUMBER.fullmatch(inside) else inside


class Path:
    """A parsed payload path."""

    __slots__ = ("_steps", "get", "text")

    get: Reader
    """Return the value at the path, or UNDEFINED; never fails and never copies."""

    def __init__(self, text: str, steps: Steps) -> None:
        """Keep the source text and its steps; no steps mean the whole payload."""
        self.text = text
        self._steps = steps
        self.get = reader(steps)

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def leads_where(self, other: Path) -> bool:
        """Tell whether two paths mean the same place, however they are written."""
        return self._steps == other._steps

    def set(self, payload: Payload, value: Value) -> Payload:
        """Store a deep copy of ``value`` in ``payload`` (changed in place) and return it.

        Missing steps are made. Storing UNDEFINED removes the key. Raises PathError where the
        payload's shape forbids it: an index above 10000 or negative, a key on an array, a
        character of a text, the whole payload by anything but an object.
        """
        copy = deep_copy(value)
        if not self._steps:
            return _replace(payload, copy)
        holder: Value = payload
        for step, following in pairwise(self._steps):
            holder = self._enter(holder, step, following)
        self._assign(holder, self._steps[-1], copy)
        return payload

    def remove(self, payload: Payload) -> None:
        """Delete the key; an array element becomes null; what is missing stays so."""
        if not self._steps:
            payload.clear()
            return
        holder = walk(payload, self._steps[:-1])
        last = self._steps[-1]
        if holder.__class__ is dict:
            holder.pop(_key(last), None)
        elif holder.__class__ is list and isinstance(last, Index) and _within(holder, last):
            holder[last.number] = None

    def _enter(self, holder: Value, step: Step, following: Step) -> Value:
        """Return the container at ``step``, made or replaced if ``following`` needs it."""
        found = advance(holder, step)
        if found.__class__ is dict or found.__class__ is list:
            return found
        if found.__class__ is str and isinstance(following, Index):
            raise PathError(f"Cannot write into a text at {self.text}")
        made: Value = [] if isinstance(following, Index) else {}
        self._assign(holder, step, made)
        return made

    def _assign(self, holder: Value, step: Step, value: Value) -> None:
        if holder.__class__ is list:
            _store_element(holder, self._checked_index(step), value)
        elif value is UNDEFINED:
            holder.pop(_key(step), None)
        else:
            holder[_key(step)] = value

    def _checked_index(self, step: Step) -> int:
        if not isinstance(step, Index):
            raise PathError(f"Cannot write key {step} of an array at {self.text}")
        if not 0 <= step.number <= MAX_INDEX:
            raise PathError(f"Array index {step.key} at {self.text} is not within 0-{MAX_INDEX}")
        return step.number


def _replace(payload: Payload, value: Value) -> Payload:
    if value.__class__ is not dict:
        raise PathError("The whole payload can only be replaced by an object")
    payload.clear()
    payload.update(value)
    return payload


def _key(step: Step) -> str:
    return step.key if isinstance(step, Index) else step


def _within(elements: list[Value], index: Index) -> bool:
    return 0 <= index.number < len(elements)


def _store_element(elements: list[Value], index: int, value: Value) -> None:
    value = None if value is UNDEFINED else value
    if index < len(elements):
        elements[index] = value
        return
    elements.extend([None] * (index - len(elements)))
    elements.append(value)


def advance(value: Value, step: Step) -> Value:
    """Return the own member, element, character or length of ``value`` named by ``step``."""
    kind = value.__class__
    if kind is dict:
        return value.get(step if step.__class__ is str else step.key, UNDEFINED)  # type: ignore[union-attr]
    if kind is list:
        return _element(value, step)
    return _character(value, step) if kind is str else UNDEFINED


def _element(elements: list[Value], step: Step) -> Value:
    if isinstance(step, Index):
        return elements[step.number] if _within(elements, step) else UNDEFINED
    return len(elements) if step == "length" else UNDEFINED


def _character(text: str, step: Step) -> Value:
    if isinstance(step, Index):
        return (step.number >= 0 and slice_units(text, step.number, step.number + 1)) or UNDEFINED
    return length_in_units(text) if step == "length" else UNDEFINED


def walk(value: Value, steps: Steps) -> Value:
    """Follow ``steps`` from ``value``; a missing step gives UNDEFINED."""
    for step in steps:
        value = advance(value, step)
        if value is UNDEFINED:
            return UNDEFINED
    return value


def reader(steps: Steps) -> Reader:
    """Return a function that follows ``steps``, specialised for short paths of plain keys.

    Subscripting by a text key raises KeyError or TypeError on everything but an object that has
    the key, so the quick way is tried first and the careful one only when it fails.
    """
    if not steps:
        return lambda value: value
    keys = [step for step in steps if isinstance(step, str)]
    if len(keys) == len(steps) and len(keys) in _SHORT:
        return _SHORT[len(keys)](steps, *keys)
    return lambda value: walk(value, steps)


def _one_key(steps: Steps, first: str) -> Reader:
    def read(value: Value) -> Value:
        try:
            return value[first]
        except (KeyError, TypeError):
            return walk(value, steps)

    return read


def _two_keys(steps: Steps, first: str, second: str) -> Reader:
    def read(value: Value) -> Value:
        try:
            return value[first][second]
        except (KeyError, TypeError):
            return walk(value, steps)

    return read


def _three_keys(steps: Steps, first: str, second: str, third: str) -> Reader:
    def read(value: Value) -> Value:
        try:
            return value[first][second][third]
        except (KeyError, TypeError):
            return walk(value, steps)

    return read


_SHORT: Final[dict[int, Callable[..., Reader]]] = {1: _one_key, 2: _two_keys, 3: _three_keys}


@cached
def compile_path(text: str) -> Path:
    """Parse a payload path. Raises LanguageError with the position of what does not fit."""
    if len(text) > MAX_SOURCE:
        raise LanguageError("The path is too long", MAX_SOURCE, f"at most {MAX_SOURCE} characters")
    if text == ".":
        return Path(text, ())
    return Path(text, tuple(_segments(text)))


def _segments(text: str) -> Iterator[Step]:
    position = 0
    while True:
        match = _SEGMENT.match(text, position)
        if not match:
            raise _misfit(text, position)
        inside, bare = match.groups()
        yield bracketed(inside) if bare is None else bare
        position = match.end()
        if position == len(text):
            return
        if text[position] != ".":
            raise LanguageError("Unexpected character in path", position, "a dot or the end")
        position += 1


def _misfit(text: str, position: int) -> LanguageError:
    if text.startswith("{{", position):
        return LanguageError("A path takes no {{ }}", position, "a key or [key]")
    if text.startswith("[", position):
        return LanguageError("The bracket is never closed", position, "]")
    return LanguageError("A key is missing in the path", position, "a key or [key]")
