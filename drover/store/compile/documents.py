"""Columns of kinds that are kept as one JSON document a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.query.fields import FieldType
from drover.store.compile.columns import (
    JsonColumn,
    JsonElements,
    JsonField,
    JsonList,
    JsonTagList,
    JsonTagMap,
    Plain,
)

if TYPE_CHECKING:
    from drover.query.fields import Field, FieldSet
    from drover.store.compile.columns import Column, ColumnMap


def document_columns(fields: FieldSet, document: str, **own: str) -> ColumnMap:
    """Return how fields are reached: ``own`` names SQL columns, the rest is in ``document``.

    Fields of the document bear the same names there, dates are ISO text.
    """
    return {
        name: Plain(own[name]) if name in own else _in_document(field, document)
        for name, field in fields.fields.items()
    }


def row_columns(fields: FieldSet, document: str, **own: str) -> ColumnMap:
    """Return how fields are reached when users name them: as ``document_columns``, by parameter."""
    return {
        name: Plain(own[name]) if name in own else JsonColumn(document, name)
        for name in fields.fields
    }


def _in_document(field: Field, document: str) -> Column:
    path = (field.name,)
    match field.type, field.several:
        case FieldType.ELEMENTS, _:
            return JsonElements(document, path)
        case FieldType.TAGS, several:
            return JsonTagList(document, path) if several else JsonTagMap(document, path)
        case _, True:
            return JsonList(document, path)
        case _:
            return JsonField(document, path)
