"""A small world to query: rows in memory, the same rows in tables, and random trees over them."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

from drover.model.instants import to_text
from drover.query.tree import (
    ALL,
    NOTHING,
    And,
    Choice,
    Compare,
    ElementMatch,
    In,
    Instant,
    Member,
    Missing,
    Node,
    Not,
    Operator,
    Or,
    TagMatch,
    TextTest,
)
from drover.store.compile.columns import (
    Column,
    JsonColumn,
    JsonElements,
    JsonField,
    JsonList,
    JsonTagList,
    JsonTagMap,
    Lookup,
    Plain,
    Related,
    TagRows,
)

TEXTS = (
    "", "a", "A", "ab", "AB", "Ab c", "b", "ß", "ẞ", "ss", "SS", "İ", "i", "I", "\u0131", "É", "é", "e\u0301",
    "\u03a3", "\u03c2", "\u03c3", "\u0391\u03a3", "\u212a", "k", "straße", "STRASSE", "10", "9", "%", "_", "a_c", "a%c", "[a]", "*", "?",
    "!", "\\", "'", '"', ":p0", "日本", "𐐀", "𐐨", "\uffff", "x" * 40,
)  # fmt: skip
NUMBERS = (-1.5, -1.0, -0.0, 0.0, 0.25, 1.0, 2.0, 10.0, 9007199254740993.0, 1e300)
INTEGERS = (-(2**63), -1, 0, 1, 2, 10, 2**53 + 1, 2**63 - 1)
MOMENTS = (-1, 0, 1, 999, 1_000, 1_643_563_091_911, 253_402_300_799_999)
KEYS = ("color", "size", "Color", "a-b")
LISTS = ("labels", "related", "related_in", "tags", "tags_in", "tag_map", "tag_list", "steps")

TABLES = """
CREATE TABLE thing (
    id TEXT PRIMARY KEY, name TEXT, name_folded TEXT, amount DOUBLE PRECISION, number BIGINT,
    flag INTEGER, seen_at BIGINT, document TEXT NOT NULL
);
CREATE TABLE thing_tag (thing_id TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE thing_related (thing_id TEXT NOT NULL, name TEXT NOT NULL);
"""

COLUMNS: dict[str, Column] = {
    "name": Plain("thing.name"),
    "stored": Plain("thing.name", folded="thing.name_folded"),
    "amount": Plain("thing.amount"),
    "number": Plain("thing.number"),
    "flag": Plain("thing.flag"),
    "seenAt": Plain("thing.seen_at"),
    "note": JsonField("thing.document", ("in", "note")),
    "level": JsonField("thing.document", ("level",)),
    "count": JsonField("thing.document", ("count",)),
    "on": JsonField("thing.document", ("on",)),
    "at": JsonField("thing.document", ("at",)),
    "any-1": JsonColumn("thing.document", "any-1"),
    "labels": JsonList("thing.document", ("labels",)),
    "related": Related("thing_related AS r WHERE r.thing_id = thing.id", "r.name"),
    "related_in": Related(
        "thing_related AS r WHERE r.thing_id = thing.id",
        "r.name",
        Lookup("thing.id", "r.thing_id", "thing_related AS r WHERE TRUE"),
    ),
    "tags_in": TagRows(
        "thing_tag AS t WHERE t.thing_id = thing.id",
        "t.key",
        "t.value",
        Lookup("thing.id", "t.thing_id", "thing_tag AS t WHERE TRUE"),
    ),
    "tags": TagRows("thing_tag AS t WHERE t.thing_id = thing.id", "t.key", "t.value"),
    "tag_map": JsonTagMap("thing.document", ("tag_map",)),
    "tag_list": JsonTagList("thing.document", ("tag_list",)),
    "steps": JsonElements("thing.document", ("steps",)),
}

_TEXT_FIELDS = ("name", "stored", "note", "any-1", "labels", "related", "related_in")
_TYPED = {
    "amount": NUMBERS,
    "level": NUMBERS,
    "number": INTEGERS,
    "count": INTEGERS,
    "flag": (True, False),
    "on": (True, False),
    "seenAt": tuple(map(Instant, MOMENTS)),
    "at": tuple(map(Instant, MOMENTS)),
}


# Trees --------------------------------------------------------------------------------------------


def _comparisons(field: str, values: Any, operators: Any) -> st.SearchStrategy[Node]:
    lists = st.lists(st.sampled_from(values), max_size=4).map(tuple)
    folds = st.booleans()
    return st.one_of(
        st.builds(
            Compare, st.just(field), st.sampled_from(operators), st.sampled_from(values), folds
        ),
        st.builds(In, st.just(field), lists, folds),
        st.just(Missing(field)),
    )


_ORDERING = [
    Operator.EQUAL,
    Operator.LESS,
    Operator.LESS_OR_EQUAL,
    Operator.GREATER,
    Operator.GREATER_OR_EQUAL,
]
_texts = st.sampled_from(TEXTS) | st.text("aAß%_[]*?!É", max_size=4)
_text_leaf = st.sampled_from(_TEXT_FIELDS).flatmap(
    lambda field: st.one_of(
        _comparisons(field, TEXTS, list(Operator)),
        st.builds(Compare, st.just(field), st.sampled_from(Operator), _texts, st.booleans()),
    )
)
_typed_leaf = st.sampled_from(sorted(_TYPED)).flatmap(
    lambda field: _comparisons(field, _TYPED[field], _ORDERING)
)
_mixed_leaf = st.sampled_from([NUMBERS, (True, False)]).flatmap(
    lambda values: _comparisons("any-1", values, _ORDERING)
)


def _tests(texts: tuple[str, ...]) -> st.SearchStrategy[TextTest]:
    lists = st.lists(st.sampled_from(texts), max_size=3).map(tuple)
    return st.one_of(
        st.just(TextTest()),
        st.sampled_from(texts).map(lambda text: TextTest(Choice.EQUAL, (text,))),
        st.builds(TextTest, st.sampled_from([Choice.IN, Choice.NOT_IN]), lists),
    )


_tag_fields = st.sampled_from(["tags", "tags_in", "tag_map", "tag_list"])
_tag_leaf = st.builds(TagMatch, _tag_fields, _tests(KEYS), _tests(TEXTS[:12])) | st.builds(
    Missing, st.sampled_from(LISTS)
)
_members = st.one_of(
    st.builds(Member, st.just(("type",)), st.sampled_from(("timer", "webhook", None))),
    st.builds(
        Member,
        st.sampled_from([("config", "seconds"), ("config", "a-b")]),
        st.sampled_from((None, 1.0, 2.5, True, "1", "ß")),
    ),
)
_element_leaf = st.builds(
    ElementMatch, st.just("steps"), st.lists(_members, min_size=1, max_size=3).map(tuple)
)
_leaves = st.one_of(
    _text_leaf, _typed_leaf, _mixed_leaf, _tag_leaf, _element_leaf, st.sampled_from([ALL, NOTHING])
)


def _grow(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=1, max_size=4).map(tuple)
    return st.one_of(st.builds(And, parts), st.builds(Or, parts), st.builds(Not, inner))


trees = st.recursive(_leaves, _grow, max_leaves=8)


# Rows ---------------------------------------------------------------------------------------------


def make_rows(count: int, random: Random) -> list[dict[str, Any]]:
    """Return rows whose values are likely to meet those of the trees."""
    return [_row(index, random) for index in range(count)]


def _row(index: int, random: Random) -> dict[str, Any]:
    def maybe(values: Any) -> Any:
        return random.choice(values) if random.random() < 0.8 else None

    def several(values: Any) -> list[Any]:
        return random.sample(list(values), random.randrange(4)) if random.random() < 0.7 else []

    moment = maybe(MOMENTS)
    name = maybe(TEXTS)
    related = several(TEXTS)
    tags = [_tag(random) for _ in range(random.randrange(4))]
    return {
        "id": f"{index:024x}",
        "name": name,
        "stored": name,
        "amount": maybe(NUMBERS),
        "number": maybe(INTEGERS),
        "flag": maybe((True, False)),
        "seenAt": maybe(MOMENTS),
        "note": maybe(TEXTS),
        "level": maybe((*NUMBERS, 1, 2, 9007199254740993)),
        "count": maybe((*INTEGERS, 1.5, 2.0)),
        "on": maybe((True, False)),
        "at": None if moment is None else to_text(moment),
        "any-1": maybe((*TEXTS[:20], *NUMBERS, 1, True, False, {"a": 1})),
        "labels": several(TEXTS),
        "related": related,
        "related_in": related,
        "tags": tags,
        "tags_in": tags,
        "tag_map": {key: random.choice(TEXTS[:12]) for key in several(KEYS)},
        "tag_list": [_loose_tag(random) for _ in range(random.randrange(3))],
        "steps": [_step(random) for _ in range(random.randrange(3))],
    }


def _tag(random: Random) -> dict[str, str]:
    return {"key": random.choice(KEYS), "value": random.choice(TEXTS[:12])}


def _loose_tag(random: Random) -> dict[str, str]:
    tag = _tag(random)
    if random.random() < 0.3:
        del tag[random.choice(["key", "value"])]
    return tag


def _step(random: Random) -> Any:
    config = {
        name: random.choice((1, 1.0, 2.5, True, "1", "ß", None, [1]))
        for name in ("seconds", "a-b")
        if random.random() < 0.7
    }
    if random.random() < 0.1:
        return random.choice(("text", 5, []))
    return {"type": random.choice(("timer", "webhook")), "config": config}


def document_of(row: dict[str, Any]) -> str:
    """Return the JSON document in which part of a row is stored."""
    stored = {name: row[name] for name in ("level", "on", "at", "count", "any-1")}
    lists = {name: row[name] for name in ("labels", "tag_map", "tag_list", "steps") if row[name]}
    return json.dumps({"in": {"note": row["note"]}, **stored, **lists})
