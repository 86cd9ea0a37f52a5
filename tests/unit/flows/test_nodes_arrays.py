import pytest

from tests.support.flow_world import error_of, result_of


def array(rules, data, **config):
    given = {"sourceArrayPath": "data.a", "rules": rules, **config}
    return result_of("ArrayNode", given, data)


def out(kind, data, **rule):
    return array([{"type": kind, "outputPath": "out", **rule}], {"a": data}).get("out")


def changed(kind, data, **rule):
    return array([{"type": kind, **rule}], {"a": data})["data"]["a"]


def test_what_is_missing_and_was_put_in_is_dropped_again():
    rules = [{"type": "unshift", "inputTemplate": "{{data.nothing}}"}, {"type": "compact"}]

    assert array(rules, {"a": [1, 2]})["data"]["a"] == [1, 2]


@pytest.mark.parametrize(
    ("kind", "rule", "before", "after"),
    [
        ("compact", {}, [1, 0, False, None, "", "x", [], {}], [1, "x", [], {}]),
        ("concat", {"inputTemplate": "[4, 5]"}, [1], [1, 4, 5]),
        ("concat", {"inputTemplate": "{{data.a}}"}, [1], [1, 1]),
        ("concat", {"inputTemplate": "text"}, [1], [1, "text"]),
        (
            "deduplicate",
            {},
            [1, 1.0, True, "1", "1", None, None, {}, {}],
            [1, True, "1", None, {}, {}],
        ),
        ("flatten", {}, [1, [2, [3, [4]]], []], [1, 2, 3, 4]),
        ("insertAt", {"inputTemplate": "9", "indexTemplate": "1"}, [1, 2], [1, 9, 2]),
        ("insertAt", {"inputTemplate": "9", "indexTemplate": "99"}, [1, 2], [1, 2, 9]),
        ("push", {"inputTemplate": "true"}, [1], [1, True]),
        ("push", {"inputTemplate": "{{data.a.[0]}}"}, ["[1]"], ["[1]", "[1]"]),
        ("unshift", {"inputTemplate": '{"x": 1}'}, [1], [{"x": 1}, 1]),
        ("removeAt", {"indexTemplate": "-1"}, [1, 2, 3], [1, 2]),
        ("removeAt", {"indexTemplate": "7"}, [1], [1]),
        ("replaceAt", {"inputTemplate": "9", "indexTemplate": "1"}, [1, 2], [1, 9]),
        ("replaceAt", {"inputTemplate": "9", "indexTemplate": "3"}, [1], [1, None, None, 9]),
        ("reverse", {}, [1, 2, 3], [3, 2, 1]),
        ("slice", {"inputTemplate": "1", "indexTemplate": "-1"}, [1, 2, 3, 4], [2, 3]),
        ("slice", {"inputTemplate": "2"}, [1, 2, 3, 4], [3, 4]),
        ("pop", {}, [1, 2], [1]),
        ("shift", {}, [1, 2], [2]),
        ("pop", {}, [], []),
    ],
)
def test_rules_that_change_the_array(kind, rule, before, after):
    assert changed(kind, before, **rule) == after


@pytest.mark.parametrize(
    ("kind", "rule", "data", "expected"),
    [
        (
            "deduplicateBy",
            {"inputTemplate": "k"},
            [{"k": 1}, {"k": 1, "x": 2}, {"k": 2}],
            [{"k": 1}, {"k": 2}],
        ),
        ("filter", {"inputTemplate": "{{value}} > 1 && {{index}} < 3"}, [1, 2, 3, 4], [2, 3]),
        ("filter", {"inputTemplate": "{{value}} === {{payload.data.a.[0]}}"}, [2, 1, 2], [2, 2]),
        (
            "groupBy",
            {"inputTemplate": "t.[0]"},
            [{"t": ["x"]}, {"t": []}],
            {"x": [{"t": ["x"]}], "undefined": [{"t": []}]},
        ),
        ("indexOf", {"inputTemplate": "2"}, [1, "2", 2], 2),
        ("indexOf", {"inputTemplate": "5"}, [1], -1),
        (
            "keyBy",
            {"inputTemplate": "id"},
            [{"id": 1, "v": 1}, {"id": 1, "v": 2}],
            {"1": {"id": 1, "v": 2}},
        ),
        ("length", {}, [1, 2, 3], 3),
        ("lookupAt", {"indexTemplate": "-1"}, [1, 2, 3], 3),
        ("lookupAt", {"indexTemplate": "3"}, [1, 2, 3], None),
        ("pop", {}, [1, 2], 2),
        ("shift", {}, [1, 2], 1),
        ("removeAt", {"indexTemplate": "0"}, [1, 2], 1),
        ("replaceAt", {"inputTemplate": "9", "indexTemplate": "0"}, [1, 2], 1),
        ("sort", {}, ["b", 10, 9, None, "a"], [9, 10, "a", "b", None]),
        ("sort", {"order": "descending"}, ["b", 10, 9, None, "a"], ["b", "a", 10, 9, None]),
        ("sortBy", {"inputTemplate": "n"}, [{"n": 2}, {"n": 1}, {}], [{"n": 1}, {"n": 2}, {}]),
        ("sum", {}, [1, "2", "x", None, True, 0.5], 3.5),
        ("sum", {}, [], 0),
    ],
)
def test_rules_that_write_a_result(kind, rule, data, expected):
    assert out(kind, data, **rule) == expected


def test_a_missing_source_becomes_an_empty_array():
    payload = array([{"type": "length", "outputPath": "out"}], {"a": 5})

    assert payload["out"] == 0
    assert payload["data"]["a"] == []


def test_a_text_is_its_characters_and_stays_a_text():
    payload = array(
        [{"type": "reverse"}, {"type": "lookupAt", "indexTemplate": "0", "outputPath": "out"}],
        {"a": "abc"},
    )

    assert payload["out"] == "c"
    assert payload["data"]["a"] == "abc"


def test_a_destination_leaves_the_source_alone():
    payload = array([{"type": "push", "inputTemplate": "2"}], {"a": [1]}, destArrayPath="data.b")

    assert payload["data"] == {"a": [1], "b": [1, 2]}


def test_rules_see_what_earlier_ones_did():
    payload = array(
        [
            {"type": "push", "inputTemplate": "3"},
            {"type": "length", "outputPath": "n"},
            {"type": "push", "inputTemplate": "{{n}}"},
        ],
        {"a": [1]},
    )

    assert payload["data"]["a"] == [1, 3, 2]


def test_an_index_must_be_a_whole_number():
    rules = [{"type": "lookupAt", "indexTemplate": "1.5", "outputPath": "out"}]

    assert (
        error_of("ArrayNode", {"sourceArrayPath": "data", "rules": rules}, [1])["name"]
        == "Validation"
    )


def test_an_array_cannot_be_blown_up_by_an_index():
    rules = [{"type": "replaceAt", "indexTemplate": "99999999", "inputTemplate": "1"}]

    assert (
        error_of("ArrayNode", {"sourceArrayPath": "data", "rules": rules}, [1])["name"]
        == "Validation"
    )


def object_node(operations, data, **config):
    given = {"sourcePath": "data.o", "destPath": "out", "operations": operations, **config}
    return result_of("ObjectNode", given, data)


@pytest.mark.parametrize(
    ("kind", "template", "source", "expected"),
    [
        ("assign", '{"b": {"y": 2}}', {"a": 1, "b": {"x": 1}}, {"a": 1, "b": {"y": 2}}),
        (
            "mergeDeep",
            '{"b": {"y": [2]}}',
            {"a": 1, "b": {"x": 1, "y": [1, 1]}},
            {"a": 1, "b": {"x": 1, "y": [2]}},
        ),
        ("omit", '["a", "b.x"]', {"a": 1, "b.x": 2, "b": {"x": 3}}, {"b": {"x": 3}}),
        ("pick", '["a", "none"]', {"a": 1, "b": 2}, {"a": 1}),
        ("zipObject", '["x", "y", "z"]', [1, 2], {"x": 1, "y": 2}),
    ],
)
def test_operations_that_change_an_object(kind, template, source, expected):
    payload = object_node([{"type": kind, "inputTemplate": template}], {"o": source})

    assert payload["out"] == expected
    assert payload["data"]["o"] == source


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        ("keys", {"a": 1, "b": 2}, ["a", "b"]),
        ("values", {"a": 1, "b": [2]}, [1, [2]]),
        ("entries", {"a": 1}, [["a", 1]]),
        ("fromPairs", [["a", 1], ["b"], []], {"a": 1}),
    ],
)
def test_operations_that_list_an_object(kind, source, expected):
    payload = object_node([{"type": kind, "outputPath": "list"}], {"o": source})

    assert payload["list"] == expected
    assert payload["out"] == source


def test_operations_feed_each_other_and_a_missing_source_is_empty():
    operations = [
        {"type": "assign", "inputTemplate": '{"a": 1, "b": 2}'},
        {"type": "omit", "inputTemplate": '["a"]'},
        {"type": "keys", "outputPath": "keys"},
    ]

    payload = object_node(operations, {})

    assert payload["out"] == {"b": 2}
    assert payload["keys"] == ["b"]


def test_the_wrong_type_throws():
    config = {
        "sourcePath": "data",
        "destPath": "out",
        "operations": [{"type": "keys", "outputPath": "k"}],
    }
    assert error_of("ObjectNode", config, [1])["name"] == "Validation"

    config["operations"] = [{"type": "pick", "inputTemplate": "{}"}]
    assert error_of("ObjectNode", config, {"a": 1})["name"] == "Validation"
