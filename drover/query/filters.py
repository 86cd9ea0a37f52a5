"""Trees of the narrow filters that stand beside queries: a glob on one field, unions of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.model.errors import Invalid
from drover.query.fields import Field, FieldType, checked_text, compare, value_of
from drover.query.glob import MAX_GLOB_LENGTH
from drover.query.kinds import DEVICES
from drover.query.tree import (
    ALL,
    ANY_TEXT,
    NOTHING,
    Choice,
    In,
    Node,
    Operator,
    TagMatch,
    TextTest,
    any_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def by_glob(field: str | None, pattern: str | None) -> Node:
    """Return the tree of ``filterField`` and ``filter``; All when either is blank or absent.

    Whether the kind may be filtered by that field is the caller's check. Raises Invalid for a
    pattern too long (section 1, paging).
    """
    if not field or not pattern or not pattern.strip():
        return ALL
    if len(pattern) > MAX_GLOB_LENGTH:
        raise Invalid(f"'filter' has at most {MAX_GLOB_LENGTH} characters", field="filter")
    return compare(Field(field, FieldType.TEXT), Operator.GLOB, pattern)


def devices_listed(ids: Sequence[str] = (), tags: Iterable[Mapping[str, str]] = ()) -> Node:
    """Return the tree of a plain device query: any listed id, or any listed tag.

    A tag may give only its ``key`` or only its ``value``. With nothing listed it is Nothing.
    Raises Invalid for what is no id (section 4, plain device queries).
    """
    field = DEVICES.get("id")
    values = tuple(value for one in ids if (value := value_of(field, one)) is not None)
    listed = In(field.name, values) if values else NOTHING
    return any_of([listed, tagged_any("tags", tags)])


def tagged_any(field: str, tags: Iterable[Mapping[str, str]]) -> Node:
    """Return the tree that matches what has any of ``tags``; see ``devices_listed``."""
    return any_of(TagMatch(field, _side(tag, "key"), _side(tag, "value")) for tag in tags)


def _side(tag: Mapping[str, str], name: str) -> TextTest:
    text = tag.get(name)
    return ANY_TEXT if text is None else TextTest(Choice.EQUAL, (checked_text(text),))
