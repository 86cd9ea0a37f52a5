import json

import pytest

from tests.support.flow_world import (
    SHOW,
    error_of,
    flow,
    node,
    output_of,
    result_of,
    run_one,
    shown,
)


def test_conditional_takes_output_1_when_true_and_0_when_not():
    assert output_of("ConditionalNode", {"expression": "{{data.n}} > 1"}, {"n": 2}) == 1
    assert output_of("ConditionalNode", {"expression": "{{data.n}} > 1"}, {"n": 1}) == 0
    assert output_of("ConditionalNode", {"expression": "{{data.missing}}"}) == 0


@pytest.mark.parametrize(("text", "output"), [("a", 1), ("b", 2), ("c", 0), ("", 3)])
def test_switch_takes_the_first_case_of_equal_text(text, output):
    cases = [
        {"caseTemplate": "a"},
        {"caseTemplate": "{{data.other}}"},
        {"caseTemplate": ""},
        {"caseTemplate": "a"},
    ]
    config = {"switchTemplate": "{{data.text}}", "cases": cases}

    assert output_of("SwitchNode", config, {"text": text, "other": "b"}) == output


def test_switch_compares_numbers_as_text():
    config = {"switchTemplate": "{{data.n}}", "cases": [{"caseTemplate": "42"}]}

    assert output_of("SwitchNode", config, {"n": 42}) == 1


def mutate(*rules, data=None):
    return result_of("MutateNode", {"rules": list(rules)}, data)


def test_mutate_set_keeps_the_type_of_a_lone_reference():
    rule = {"type": "set", "valueTemplate": "{{data.o}}", "destination": "data.copy"}
    payload = mutate(rule, {"type": "remove", "source": "data.o.x"}, data={"o": {"x": 1, "y": 2}})

    assert payload["data"] == {"o": {"y": 2}, "copy": {"x": 1, "y": 2}}


def test_mutate_set_makes_text_of_anything_else_and_stores_an_empty_template():
    payload = mutate(
        {"type": "set", "valueTemplate": "n={{data.n}}", "destination": "data.text"},
        {"type": "set", "valueTemplate": "", "destination": "data.none"},
        {"type": "set", "value": "older", "destination": "data.alias"},
        data={"n": 1},
    )

    assert payload["data"] == {"n": 1, "text": "n=1", "none": "", "alias": "older"}


def test_mutate_sets_json():
    rule = {
        "type": "set",
        "valueTemplateType": "json",
        "valueTemplate": '{"n": {{data.n}}}',
        "destination": "data.o",
    }

    assert mutate(rule, data={"n": 1})["data"]["o"] == {"n": 1}


def test_mutate_throws_for_json_that_is_none():
    rule = {
        "type": "set",
        "valueTemplateType": "json",
        "valueTemplate": "{{data.n}}",
        "destination": "x",
    }

    assert error_of("MutateNode", {"rules": [rule]}, {"n": "text"})["name"] == "InvalidJsonTemplate"


def test_mutate_copies_moves_and_removes_in_order():
    payload = mutate(
        {"type": "copy", "source": "data.a", "destination": "data.b"},
        {"type": "move", "source": "data.a", "destination": "data.c"},
        {"type": "move", "source": "data.c", "destination": "data.c"},
        {"type": "copy", "source": "data.nothing", "destination": "data.gone"},
        {"type": "remove", "source": "data.not.there"},
        data={"a": [1], "gone": 1},
    )

    assert payload["data"] == {"b": [1], "c": [1]}


def test_a_value_copied_into_itself_is_what_it_was_before():
    payload = mutate(
        {"type": "copy", "source": "data", "destination": "data.kept.whole"}, data={"n": 1}
    )

    assert payload["data"] == {"n": 1, "kept": {"whole": {"n": 1}}}


def test_mutate_cannot_write_into_text():
    rule = {"type": "set", "valueTemplate": "x", "destination": "data.s.[0]"}

    assert error_of("MutateNode", {"rules": [rule]}, {"s": "text"})["name"] == "Validation"


def test_math_stores_values_that_later_statements_see():
    config = {
        "statements": [
            {"expression": "{{data.n}} * 2", "resultPath": "data.twice"},
            {"expression": "{{data.twice}} + 1", "resultPath": "data.more"},
            {"expression": "{{data.missing}} + 1", "resultPath": "data.nan"},
            {"expression": "{{data.n}} > 1", "resultPath": "data.flag"},
        ]
    }

    assert result_of("MathNode", config, {"n": 2})["data"] == {
        "n": 2,
        "twice": 4,
        "more": 5,
        "nan": None,
        "flag": True,
    }


def test_json_decode_replaces_text_by_its_value():
    config = {"source": "data", "destination": "data"}

    assert result_of("JsonDecodeNode", config, '{"a": [1]}')["data"] == {"a": [1]}
    assert result_of("JsonDecodeNode", {"source": "data.n", "destination": "n"}, {"n": 5})["n"] == 5


def test_json_decode_throws_or_writes_what_is_no_json():
    config = {"source": "data.s", "destination": "data.v"}
    soft = {**config, "errorBehavior": "payloadPath", "errorPath": "data.e"}

    assert error_of("JsonDecodeNode", config, {"s": "{"})["name"] == "SyntaxError"
    assert error_of("JsonDecodeNode", config, {})["name"] == "SyntaxError"
    written = result_of("JsonDecodeNode", soft, {"s": "{", "v": "before"})["data"]
    assert written["e"]["name"] == "SyntaxError"
    assert written["v"] == "before"


def test_json_decode_survives_deep_nesting():
    config = {"source": "data.s", "destination": "data.v"}

    assert error_of("JsonDecodeNode", config, {"s": "[" * 100_000})["name"] == "SyntaxError"


def test_json_encode_is_compact_and_leaves_what_is_missing_undefined():
    assert result_of(
        "JsonEncodeNode", {"source": "data.o", "destination": "t"}, {"o": {"a": [1, None]}}
    )["t"] == ('{"a":[1,null]}')
    assert "t" not in result_of("JsonEncodeNode", {"source": "data.x", "destination": "t"}, {})


def test_delay_refuses_what_is_not_a_short_time():
    assert error_of("DelayNode", {"delay": "61"})["message"] == "Delay must be from 0 to 60 seconds"
    assert error_of("DelayNode", {"delay": "soon"})["name"] == "Validation"
    assert error_of("DelayNode", {"delay": "{{data.none}}"})["message"] == "Delay is required"
    assert result_of("DelayNode", {"durationTemplate": "0.5"}, {"x": 1})["data"] == {"x": 1}


def test_debug_notes_message_level_and_value():
    record = run_one(
        flow(["d"], node("d", "DebugNode", {"message": "n={{data.n}}", "property": "data.n"})),
        {"n": 3},
    )

    assert record.debug == [
        {
            "time": "2026-01-02T03:04:05.678Z",
            "nodeId": "d",
            "nodeLabel": "d",
            "level": "verbose",
            "message": "n=3",
            "payload": 3,
        }
    ]


def test_debug_leaves_out_what_is_missing_and_cuts_what_is_large():
    missing = run_one(flow(["d"], node("d", "DebugNode", {"property": "data.x"})))
    large = run_one(flow(["d"], node("d", "DebugNode", {})), {"x": "y" * 100_000})

    assert "payload" not in missing.debug[0]
    assert len(large.debug[0]["payload"]) == 65_536


def test_only_so_many_debug_messages_are_kept_of_a_run():
    config = {"loopSourcePath": "data", "currentItemPath": "item"}
    definition = flow(
        ["loop"],
        node("loop", "LoopNode", config, [], ["d"]),
        node("d", "DebugNode", {}, ["next"], group="loop"),
        node("next", "LoopCapNode", {"loopNodeId": "loop"}, group="loop"),
    )

    assert len(run_one(definition, 1000).debug) == 100


def test_throw_error_throws_its_text():
    assert error_of("ThrowErrorNode", {"messageTemplate": "no {{data}}"}, 7) == {
        "name": "ThrowErrorNode",
        "message": "no 7",
    }
    assert error_of("ThrowErrorNode", {"messageTemplate": "{{data.none}}"})["message"] == (
        "Error message is required"
    )


def text(method, *arguments, source="{{data}}", data="Hello world"):
    config = {
        "sourceData": source,
        "method": method,
        "methodArgs": list(arguments),
        "resultPath": "out",
    }
    return result_of("StringNode", config, data).get("out")


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("split", ["o"], ["Hell", " w", "rld"]),
        ("split", [""], list("Hello world")),
        ("replaceFirst", ["o", "0"], "Hell0 world"),
        ("replaceAll", ["o", ""], "Hell wrld"),
        ("replaceAll", ["", "x"], "Hello world"),
        ("replaceAll", ["l", "$&"], "He$&$&o wor$&d"),
        ("indexOf", ["o"], 4),
        ("indexOf", ["o", "5"], 7),
        ("indexOf", ["z"], -1),
        ("toUpper", [], "HELLO WORLD"),
        ("toLower", [], "hello world"),
        ("toNumber", [], None),
        ("concat", ["!", "{{data}}"], "Hello world!Hello world"),
        ("pad", ["14", "*"], "*Hello world**"),
        ("padStart", ["13"], "  Hello world"),
        ("padEnd", ["14", "ab"], "Hello worldaba"),
        ("padEnd", ["3"], "Hello world"),
        ("truncate", ["8"], "Hello..."),
        ("truncate", ["8", "~"], "Hello w~"),
        ("truncate", ["nope"], "Hello world"),
        ("truncate", ["0"], "Hello world"),
    ],
)
def test_string_methods(method, arguments, expected):
    assert text(method, *arguments) == expected


def test_string_trims_and_casts():
    assert text("trim", data="  x ") == "x"
    assert text("trimStart", data="  x ") == "x "
    assert text("trimEnd", data="  x ") == "  x"
    assert text("toNumber", data="-1.5") == -1.5


def test_string_throws_for_arguments_that_are_no_lengths():
    config = {"sourceData": "x", "method": "pad", "methodArgs": ["many"], "resultPath": "out"}

    assert error_of("StringNode", config)["message"] == "The length must be a number"
    assert error_of("StringNode", {**config, "methodArgs": ["1001"]})["name"] == "Validation"
    assert (
        error_of("StringNode", {**config, "method": "indexOf", "methodArgs": ["x", "-1"]})["name"]
        == "Validation"
    )


def test_validate_payload_tells_fields_and_messages():
    schema = '{"type": "object", "properties": {"voltage": {"type": "number", "minimum": {{globals.least}}}}}'
    config = {"schema": schema, "toValidatePath": "data", "errorsPath": "errors"}
    only = node("only", "ValidatePayloadNode", config, ["show"], ["end"])
    definition = flow(
        ["only"],
        only,
        SHOW,
        node("end", "DebugNode", {"message": "1"}),
        globals=[{"key": "least", "json": "3"}],
    )

    bad = run_one(definition, {"voltage": 2})
    good = run_one(definition, {"voltage": 3})

    assert shown(bad)["errors"][0]["field"] == "voltage"
    assert bad.debug[0]["message"] == "shown"
    assert shown(good)["errors"] == []
    assert good.debug[0]["message"] == "1"


@pytest.mark.parametrize(
    ("schema", "value", "output"),
    [
        ('{"minimum": 1, "exclusiveMinimum": true}', 1, 0),
        ('{"exclusiveMinimum": 1}', 1, 0),
        ('{"exclusiveMaximum": 1}', 0, 1),
        ('{"const": "x"}', "x", 1),
        ('{"const": "x"}', "y", 0),
        ('{"pattern": "^a+$"}', "aaa", 1),
        ('{"pattern": "^(a+)+$"}', "a" * 50 + "b", 0),
        (
            '{"additionalProperties": false, "patternProperties": {"^a": {"type": "number"}}}',
            {"ab": 1},
            1,
        ),
        (
            '{"additionalProperties": false, "patternProperties": {"^a": {"type": "number"}}}',
            {"b": 1},
            0,
        ),
        ('{"$schema": "http://json-schema.org/draft-07/schema#", "exclusiveMinimum": 1}', 1, 0),
    ],
)
def test_validate_payload_speaks_both_drafts(schema, value, output):
    config = {"schema": schema, "toValidatePath": "data"}

    assert output_of("ValidatePayloadNode", config, value) == output


def test_validate_payload_fails_every_type_for_what_is_missing():
    config = {"schema": '{"type": ["null", "object", "string"]}', "toValidatePath": "data.none"}

    assert output_of("ValidatePayloadNode", config, {}) == 0


@pytest.mark.parametrize(
    "schema",
    [
        "[]",
        '{"type": 7}',
        '{"pattern": "("}',
        '{"$ref": "http://127.0.0.1:1/x.json"}',
        '{"$ref": "#/none"}',
    ],
)
def test_validate_payload_throws_for_a_schema_that_cannot_be_used(schema):
    error = error_of("ValidatePayloadNode", {"schema": schema, "toValidatePath": "data"}, "text")

    assert error["name"] == "Validation"


def test_a_schema_that_refers_to_itself_for_ever_is_an_error_of_the_run():
    error = error_of(
        "ValidatePayloadNode", {"schema": '{"$ref": "#"}', "toValidatePath": "data"}, "text"
    )

    assert error["name"] == "PayloadTooLarge"


def nested(levels):
    schema, value = {"type": "integer"}, 1
    for _ in range(levels):
        schema, value = {"properties": {"a": schema}}, {"a": value}
    return schema, value


def test_a_schema_may_have_as_many_levels_as_a_payload_has_use_for():
    schema, value = nested(30)
    config = {"schema": json.dumps(schema), "toValidatePath": "data", "errorsPath": "working.e"}

    assert result_of("ValidatePayloadNode", config, value)["working"]["e"] == []


@pytest.mark.parametrize("levels", [150, 400])
def test_a_schema_of_very_many_levels_is_an_error_of_the_run(levels):
    schema, value = nested(levels)
    config = {"schema": json.dumps(schema), "toValidatePath": "data"}

    assert error_of("ValidatePayloadNode", config, value)["name"] == "PayloadTooLarge"


def test_a_part_of_a_schema_that_names_a_draft_is_held_to_the_same_rules():
    part = {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "(?=a)"}
    config = {"schema": json.dumps({"allOf": [part]}), "toValidatePath": "data"}

    assert error_of("ValidatePayloadNode", config, "text")["name"] == "Validation"


def test_annotations_do_nothing():
    assert result_of("AnnotationNode", {"text": "a note"}, 1)["data"] == 1


def test_not_a_number_is_null_where_json_is_written():
    config = {"statements": [{"expression": "0 / 0", "resultPath": "data.x"}]}
    math_node = node("m", "MathNode", config, ["e"])
    encode = node("e", "JsonEncodeNode", {"source": "data", "destination": "text"}, ["show"])

    assert shown(run_one(flow(["m"], math_node, encode, SHOW), {}))["text"] == '{"x":null}'
