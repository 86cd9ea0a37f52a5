"""Whatever the query languages are handed, they answer with a tree or with Invalid."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from drover.model.errors import Invalid
from drover.query.evaluate import matches
from drover.query.fold import fold
from drover.query.glob import glob_matches, like_pattern, sqlite_glob
from drover.query.kinds import DEVICES
from drover.query.losant import parse, parse_json
from drover.query.tree import ALL
from drover.store.compile import compile_query
from drover.store.compile.columns import Plain, TagRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.query.tree import Node

_OPERATORS = (
    *("$and", "$or", "$nor", "$eq", "$ne", "$gt", "$lte", "$in", "$nin", "$ci", "$contains"),
    *("$startsWith", "$tagKey", "$tagValue", "$regex"),
)
_NAMES = st.sampled_from([*sorted(DEVICES.fields), *_OPERATORS, "bogus", ""])
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["575ec8687ae143cd83dc4a97", "2022-01-30T17:18:11.911Z"]),
)
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)
_COLUMNS = {
    **{name: Plain(name) for name in DEVICES.fields},
    "tags": TagRows("tag WHERE TRUE", "key", "value"),
}

# Valid queries ------------------------------------------------------------------------------------

_SCALAR_TESTS = st.fixed_dictionaries(
    {},
    optional={
        "$eq": st.text("abc", max_size=2) | st.none(),
        "$ne": st.text("abc", max_size=2) | st.none(),
        "$lt": st.text("abc", max_size=2),
        "$gte": st.text("abc", max_size=2) | st.integers(),
        "$contains": st.text("abc", min_size=1, max_size=2),
        "$in": st.lists(st.text("abc", max_size=2), max_size=3),
        "$nin": st.lists(st.text("abc", max_size=2), max_size=3),
    },
).filter(bool)
_LEAVES = st.one_of(
    st.builds(lambda test: {"name": test}, _SCALAR_TESTS),
    st.builds(lambda text: {"deviceClass": text}, st.text("abc", max_size=2) | st.none()),
)
_QUERIES = st.recursive(
    _LEAVES,
    lambda inner: st.builds(
        lambda group, parts: {group: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)
_ROWS = st.fixed_dictionaries(
    {}, optional={name: st.text("abc", max_size=2) | st.none() for name in ("name", "deviceClass")}
)


def _tree(read: Callable[[], Node]) -> Node:
    """Return what is read, All if it is refused; any other failure fails the test."""
    try:
        return read()
    except Invalid:
        return ALL


@given(document=_DOCUMENTS)
def test_any_document_is_a_tree_or_invalid(document: Any) -> None:
    tree = _tree(lambda: parse(document, DEVICES))

    compile_query(tree, _COLUMNS, "sqlite")
    compile_query(tree, _COLUMNS, "postgres")
    assert matches(tree, {}) in (True, False)


@given(text=st.text() | st.binary() | _DOCUMENTS.map(json.dumps))
def test_any_text_is_a_tree_or_invalid(text: str | bytes) -> None:
    tree = _tree(lambda: parse_json(text, DEVICES))

    assert matches(tree, {}) in (True, False)


@given(document=_QUERIES)
def test_text_and_document_are_the_same_query(document: dict[str, Any]) -> None:
    assert parse_json(json.dumps(document), DEVICES) == parse(document, DEVICES)


@given(query=_QUERIES, row=_ROWS)
def test_nor_is_the_opposite_of_or_of_something(query: dict[str, Any], row: dict[str, Any]) -> None:
    positive = parse({"$or": [query]}, DEVICES)
    negative = parse({"$nor": [query]}, DEVICES)

    assert matches(negative, row) is not matches(positive, row)


@given(query=_QUERIES, row=_ROWS)
def test_null_means_what_absence_means(query: dict[str, Any], row: dict[str, Any]) -> None:
    tree = parse(query, DEVICES)

    present = {name: value for name, value in row.items() if value is not None}

    assert matches(tree, row) is matches(tree, present)


# Globs --------------------------------------------------------------------------------------------


def _plainly_matches(pattern: str, text: str) -> bool:
    """Match by the textbook table, one row per character of the pattern."""
    reached = [True] + [False] * len(text)
    for wanted in pattern:
        if wanted == "*":
            first = reached.index(True) if True in reached else len(reached)
            reached = [index >= first for index in range(len(reached))]
        else:
            step = [wanted in ("?", given_) for given_ in text]
            reached = [False, *(here and fits for here, fits in zip(reached, step, strict=False))]
    return reached[-1]


_GLOBS = st.text("ab*?É[]%_!é", max_size=8)
_GLOBBED = st.text("abBÉé[]%_!", max_size=8)


@given(pattern=_GLOBS, text=_GLOBBED)
def test_globs_match_what_the_textbook_matches(pattern: str, text: str) -> None:
    assert glob_matches(pattern, text) is _plainly_matches(fold(pattern), fold(text))


@given(pattern=_GLOBS, text=_GLOBBED)
def test_sqlite_globs_and_likes_as_memory_does(pattern: str, text: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("PRAGMA case_sensitive_like = ON")
        found = connection.execute(
            "SELECT :text GLOB :glob, :text LIKE :like ESCAPE '!'",
            {"text": fold(text), "glob": sqlite_glob(pattern), "like": like_pattern(pattern)},
        ).fetchone()

    assert found == (glob_matches(pattern, text),) * 2
