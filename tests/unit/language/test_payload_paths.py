from datetime import UTC, datetime
from typing import Any

import pytest

from drover.flows.language import UNDEFINED, LanguageError, PathError, compile_path

PAYLOAD: dict[str, Any] = {
    "a": {"b": {"c": {"d": 1}}},
    "list": [10, [20, "x"], {"k": None}],
    "text": "h\U0001f600y",
    "odd key": 1,
    "a.b": 2,
    "3": "three",
    "nothing": None,
    "when": datetime(2026, 1, 2, tzinfo=UTC),
    "length": "own",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.c.d", 1),
        ("list.[0]", 10),
        ("list.[1].[1]", "x"),
        ("list.[2].k", None),
        ("list.length", 3),
        ("text.length", 4),
        ("text.[0]", "h"),
        ("text.[3]", "y"),
        ("text.[1]", "\ufffd"),
        ("[odd key]", 1),
        ("[a.b]", 2),
        ("[3]", "three"),
        ("3", "three"),
        ("length", "own"),
    ],
)
def test_a_path_reads_an_own_value(path: str, value: object):
    assert compile_path(path).get(PAYLOAD) == value


@pytest.mark.parametrize(
    "path",
    [
        "missing", "missing.deep.er", "a.x", "a.b.x", "a.b.c.x", "a.b.c.d.e", "list.0", "list.[3]",
        "list.[-1]", "list.[01]", "list.x", "text.[4]", "text.[-1]", "text.x", "nothing.x", "when.year",
        "when.[0]", "a.length", "__class__", "a.__class__", "text.__class__", "a.b.__init__", "constructor",
        "__proto__", "list.append", "list.[append]", "text.upper", "a.[0]", "nothing.a.b",
    ],
)  # fmt: skip
def test_a_path_to_nothing_of_its_own_is_undefined(path: str):
    assert compile_path(path).get(PAYLOAD) is UNDEFINED


def test_a_dot_is_the_whole_payload():
    assert compile_path(".").get(PAYLOAD) is PAYLOAD


def test_reading_hands_out_the_value_itself():
    assert compile_path("a.b").get(PAYLOAD) is PAYLOAD["a"]["b"]


def test_keys_named_like_internals_are_ordinary():
    payload = {"__proto__": {"constructor": 1}}

    assert compile_path("__proto__.constructor").get(payload) == 1


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ("", 0), ("a..b", 2), (".a", 0), ("a.", 2), ("a b", 1), ("{{a}}", 0), ("a.{{b}}", 2),
        ("a[0]", 1), ("[a", 0), ("a.[b", 2), ("a.]", 2), ("a'b", 1), ("[a]b", 3), (" a", 0), ("a}", 1),
    ],
)  # fmt: skip
def test_a_malformed_path_tells_where(path: str, position: int):
    with pytest.raises(LanguageError) as caught:
        compile_path(path)

    assert caught.value.position == position


def test_an_error_says_what_was_expected():
    with pytest.raises(
        LanguageError, match=r"A key is missing in the path at position 2, expected a key"
    ):
        compile_path("a.")


def test_a_path_longer_than_the_limit_is_refused():
    with pytest.raises(LanguageError, match="too long"):
        compile_path("a" * 32_769)


def test_a_path_shows_its_text():
    path = compile_path("a.[0]")

    assert (path.text, repr(path)) == ("a.[0]", "Path('a.[0]')")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a", {}, {"a": 5}),
        ("a.b.c", {}, {"a": {"b": {"c": 5}}}),
        ("a.[2]", {}, {"a": [None, None, 5]}),
        ("a.[0].b", {}, {"a": [{"b": 5}]}),
        ("a.[0].[1]", {}, {"a": [[None, 5]]}),
        ("a.[odd key]", {}, {"a": {"odd key": 5}}),
        ("a.[1]", {"a": [1, 2, 3]}, {"a": [1, 5, 3]}),
        ("a.[4]", {"a": [1]}, {"a": [1, None, None, None, 5]}),
        ("a.[1]", {"a": {}}, {"a": {"1": 5}}),
        ("a.[-1]", {"a": {}}, {"a": {"-1": 5}}),
        ("a.b", {"a": 1}, {"a": {"b": 5}}),
        ("a.b", {"a": None}, {"a": {"b": 5}}),
        ("a.b", {"a": "text"}, {"a": {"b": 5}}),
        ("a.[0]", {"a": None}, {"a": [5]}),
        ("a.[0]", {"a": 1}, {"a": [5]}),
        ("a.[0]", {"a": datetime(2026, 1, 1, tzinfo=UTC)}, {"a": [5]}),
        ("a.[1].b", {"a": [1, "s"]}, {"a": [1, {"b": 5}]}),
        ("a.[10000]", {"a": {}}, {"a": {"10000": 5}}),
    ],
)
def test_writing_makes_what_is_missing(path: str, before: dict[str, Any], after: dict[str, Any]):
    written = compile_path(path).set(before, 5)

    assert written is before
    assert before == after


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("a.[10001]", {}),
        ("a.[10001]", {"a": []}),
        ("a.[-1]", {"a": []}),
        ("a.[999999999999]", {"a": []}),
        ("a.b", {"a": []}),
        ("a.b.c", {"a": []}),
        ("a.[0]", {"a": "text"}),
        ("a.[0].b", {"a": "text"}),
        ("a.[0].[1]", {"a": ["text"]}),
    ],
)
def test_a_write_that_the_payload_forbids_throws(path: str, payload: dict[str, Any]):
    with pytest.raises(PathError):
        compile_path(path).set(payload, 1)


def test_a_written_value_is_a_deep_copy():
    value = {"x": [1, {"y": 2}]}
    payload: dict[str, Any] = {}

    compile_path("a").set(payload, value)
    value["x"][1]["y"] = 3  # type: ignore[index]

    assert payload == {"a": {"x": [1, {"y": 2}]}}


def test_the_payload_can_be_stored_within_itself():
    payload = {"a": 1}

    compile_path("b").set(payload, payload)

    assert payload == {"a": 1, "b": {"a": 1}}


def test_writing_undefined_leaves_the_key_absent():
    payload = {"a": 1, "b": [1, 2]}

    compile_path("a").set(payload, UNDEFINED)
    compile_path("b.[0]").set(payload, UNDEFINED)
    compile_path("b.[3]").set(payload, {"x": UNDEFINED, "y": [UNDEFINED]})

    assert payload == {"b": [None, 2, None, {"y": [None]}]}


def test_the_whole_payload_can_be_replaced_by_an_object_only():
    payload = {"a": 1}

    assert compile_path(".").set(payload, {"b": 2}) is payload
    assert payload == {"b": 2}
    with pytest.raises(PathError, match="only be replaced by an object"):
        compile_path(".").set(payload, [1])


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("a", {"l": [1, 2], "o": {"x": 1}}),
        ("o.x", {"a": 1, "l": [1, 2], "o": {}}),
        ("l.[0]", {"a": 1, "l": [None, 2], "o": {"x": 1}}),
        ("l.[5]", {"a": 1, "l": [1, 2], "o": {"x": 1}}),
        ("l.[-1]", {"a": 1, "l": [1, 2], "o": {"x": 1}}),
        ("l.x", {"a": 1, "l": [1, 2], "o": {"x": 1}}),
        ("nope.deep", {"a": 1, "l": [1, 2], "o": {"x": 1}}),
        ("a.b", {"a": 1, "l": [1, 2], "o": {"x": 1}}),
        (".", {}),
    ],
)
def test_removing_deletes_keys_and_empties_elements(path: str, after: dict[str, Any]):
    payload = {"a": 1, "l": [1, 2], "o": {"x": 1}}

    compile_path(path).remove(payload)

    assert payload == after
