"""Nodes over values at the edges: odd numbers, odd characters, paths spelled in two ways."""

import math

import pytest

from drover.flows import check_flow, compile_flow
from tests.support.flow_world import FakeHost, error_of, flow, node, result_of, run_one

DEEP = "[" * 20_000 + "]" * 20_000


def string(method, text, *arguments):
    config = {
        "sourceData": "{{{data}}}", "method": method, "methodArgs": list(arguments), "resultPath": "out",
    }  # fmt: skip
    return result_of("StringNode", config, text)["out"]


@pytest.mark.parametrize(
    ("text", "wanted", "start", "found"),
    [
        ("a😀b", "b", "", 3),
        ("a😀b", "😀", "1", 1),
        ("a😀b😀", "😀", "2", 4),
        ("a😀b", "z", "", -1),
        ("\u3d00\ud7ff\ud800\udc00", "\u003d", "", -1),  # no match across two units
    ],
)
def test_places_in_texts_are_counted_as_scripts_count_them(text, wanted, start, found):
    assert string("indexOf", text, wanted, start) == found


def test_white_space_is_what_scripts_take_for_it():
    assert string("trim", "\ufeff a\x1f\u00a0") == "a\x1f"
    assert string("trimStart", "\ufeff\u2003a ") == "a "
    assert string("trimEnd", " a\ufeff") == " a"


def decode(text, **config):
    return {"source": "data", "destination": "out", **config}, text


def test_json_of_any_number_or_text_is_decoded():
    config, text = decode(
        r'[1e400, -1e400, 123456789012345678901234567890, "\ud83d", "\ud83d\ude00"]'
    )

    values = result_of("JsonDecodeNode", config, text)["out"]

    assert values[:2] == [None, None]  # infinite within the run, null wherever it is shown
    assert math.isclose(values[2], 123456789012345678901234567890)
    assert values[3:] == ["\ufffd", "😀"]


@pytest.mark.parametrize("text", ["", "{bad", "[1,]", "NaN", "\ufeff1", DEEP])
def test_what_is_no_json_is_an_error_that_can_be_caught(text):
    config, data = decode(text, errorBehavior="payloadPath", errorPath="problem")

    payload = result_of("JsonDecodeNode", config, data)

    assert payload["problem"]["name"] == "SyntaxError"
    assert "out" not in payload
    assert error_of("JsonDecodeNode", decode(text)[0], text)["name"] == "SyntaxError"


def test_text_that_is_json_only_at_the_edge_is_parsed_for_arrays():
    rules = [{"type": "push", "inputTemplate": "[1e400]"}, {"type": "push", "inputTemplate": "NaN"}]
    config = {"sourceArrayPath": "data", "rules": rules}

    assert result_of("ArrayNode", config, [])["data"] == [[None], "NaN"]


def test_bodies_with_odd_numbers_are_parsed():
    host = FakeHost(
        http_request=lambda _request: {
            "statusCode": 200, "headers": {}, "body": '{"a": 1e400}', "isText": True,
        }
    )  # fmt: skip

    payload = result_of("HttpNode", {"uriTemplate": "http://x", "responsePath": "out"}, None, host)

    assert payload["out"]["body"] == {"a": None}


@pytest.mark.parametrize("destination", ["data.q", "data.[q]", "[data].q"])
def test_what_is_moved_to_its_own_place_stays(destination):
    rule = {"type": "move", "source": "data.q", "destination": destination}

    assert result_of("MutateNode", {"rules": [rule]}, {"q": 1})["data"] == {"q": 1}


def test_an_array_node_needs_rules_that_may_be_none():
    def flaws(config):
        only = node("only", "ArrayNode", {"sourceArrayPath": "data", **config}, [])
        return [(flaw.place, flaw.message) for flaw in check_flow(flow(["only"], only))]

    assert flaws({}) == [("/nodes/0/config/rules", "Rules is required")]
    assert flaws({"rules": []}) == []


def notebook(**config):
    host = FakeHost(notebook_execute=lambda _request: {"executionId": "x", "success": True})
    given = {"notebookIdTemplate": "{{data.id}}", "resultPath": "out", **config}
    payload = result_of("NotebookExecuteNode", given, {"id": "n", "at": 5, "ctx": {"a": 1}}, host)
    return host.requests[0], payload["out"]


def test_a_notebook_is_run_relative_to_a_moment_with_a_context():
    request, result = notebook(
        relativeToSourceType="payloadPath", relativeToPath="data.at",
        contextTemplateType="payloadPath", contextTemplate="data.ctx",
    )  # fmt: skip

    assert request == {"notebookId": "n", "relativeTo": 5, "context": {"a": 1}}
    assert result == {"executionId": "x", "success": True}


def test_a_notebook_is_run_relative_to_now_or_to_the_payload():
    assert notebook(relativeToSourceType="currentTime")[0] == {"notebookId": "n"}
    assert notebook()[0] == {"notebookId": "n", "relativeTo": None}
    missing = {"relativeToSourceType": "payloadPath", "relativeToPath": "data.none"}
    assert notebook(**missing)[0]["relativeTo"] is None


ODD = ([], {}, 5, None, True, "{{", [[]], [{}], [None])


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("kind", "key", "word"),
    [
        ("MutateNode", "rules", "type"),
        ("ArrayNode", "rules", "type"),
        ("ObjectNode", "operations", "type"),
        ("CustomNodeExecuteNode", "fields", "id"),
    ],
)
def test_what_is_no_text_where_a_word_belongs_is_a_flaw_or_passed_over(kind, key, word, odd):
    only = node("only", kind, {key: [{word: odd}]}, [])

    assert check_flow(flow(["only"], only))
    assert compile_flow(flow(["only"], only)).nodes


@pytest.mark.parametrize("odd", ODD)
def test_what_an_editor_notes_oddly_is_passed_over(odd):
    only = node("only", "ExperienceUserAuthNode", {}, [], [], authMode=odd)

    assert check_flow(flow(["only"], only)) == []


NOTHING = "{{data.missing}}"


@pytest.mark.parametrize(
    ("kind", "config", "label"),
    [
        (
            "MutateNode",
            {
                "rules": [
                    {"type": "set", "valueTemplate": NOTHING, "valueTemplateType": "json", "destination": "x"}
                ]
            },
            "Value",
        ),
        ("GetDeviceNode", {"findMethod": "query", "queryTemplate": NOTHING, "resultPath": "x"}, "Query"),
        (
            "DeviceSendCommandNode",
            {"deviceQueryJsonTemplate": NOTHING, "nameTemplate": "n"},
            "Device query json",
        ),
        ("StoreValueNode", {"keyName": "k", "valueType": "json", "value": NOTHING}, "Value"),
        ("ValidatePayloadNode", {"schema": NOTHING}, "Schema"),
        ("DeleteEventNode", {"queryTemplate": NOTHING, "deleteMultiple": True}, "Query"),
    ],
)  # fmt: skip
def test_json_that_is_needed_and_renders_to_nothing_throws_before_anybody_is_asked(
    kind, config, label
):
    host = FakeHost()

    thrown = error_of(kind, config, {}, host)

    assert thrown == {"name": "Validation", "message": f"{label} is required"}
    assert host.calls == []


def test_numbers_stay_within_what_scripts_know():
    huge = 2**63 - 1
    rules = [{"type": "sum", "outputPath": "out"}]

    total = result_of("ArrayNode", {"sourceArrayPath": "data", "rules": rules}, [huge] * 3)["out"]
    chosen = result_of("RandomNumberNode", {"min": 1e300, "max": 1e300, "resultPath": "out"})["out"]

    assert (type(total), total) == (float, float(3 * huge))
    assert (type(chosen), chosen) == (float, 1e300)


def test_the_payload_of_a_failed_run_may_hold_half_a_pair():
    definition = flow(["t"], node("t", "ThrowErrorNode", {"messageTemplate": "no"}, []))

    record = run_one(definition, {"x": "\ud83d"})

    assert '"x":"\ufffd"' in record.errored_payload.decode()
