import pytest

from drover.flows import check_flow
from tests.support.flow_world import FakeHost, error_of, flow, node, result_of


def flaws(kind, config, **meta):
    definition = flow(["a"], {**node("a", kind, config, []), "meta": meta})
    return [flaw.place for flaw in check_flow(definition, handlers=())]


@pytest.mark.parametrize(
    ("config", "meta"),
    [
        ({"deviceIdsPath": "data.id", "nameTemplate": "go"}, {}),
        ({"sendToDeviceIds": ["5" * 24], "nameTemplate": "go"}, {"deviceSelectionType": "direct"}),
        ({"deviceQueryJsonTemplate": "{}", "nameTemplate": "go"}, {}),
    ],
)
def test_devices_can_be_chosen_in_three_ways(config, meta):
    assert flaws("DeviceSendCommandNode", config, **meta) == []


def test_a_command_needs_a_name_and_a_message_a_topic():
    assert flaws("DeviceSendCommandNode", {"deviceIdsPath": "data.id"})
    assert flaws("MqttMessageNode", {})


def test_only_the_own_broker_can_be_published_on_which_is_told_when_it_is_tried():
    config = {"topicTemplate": "a", "integrationId": "5" * 24}

    assert flaws("MqttMessageNode", config) == []
    assert error_of("MqttMessageNode", config)["name"] == "NotImplemented"


@pytest.mark.parametrize(
    ("template", "payload"),
    [
        ("{{data.o}}", {"a": [1]}),
        ("{{data.n}}", 7),
        ("n={{data.n}}", "n=7"),
        ("{{data.none}}", None),
    ],
)
def test_a_command_given_as_text_keeps_the_type_of_a_lone_reference(template, payload):
    config = {"deviceIdsPath": "data.id", "nameTemplate": "go", "payloadTemplateType": "string"}
    host = FakeHost(device_command=lambda _: {"result": True})
    data = {"id": "5" * 24, "o": {"a": [1]}, "n": 7}

    result_of("DeviceSendCommandNode", {**config, "payloadTemplate": template}, data, host)

    (asked,) = host.requests
    assert asked["command"].get("payload") == payload


def test_a_reply_over_a_websocket_is_refused_clearly():
    thrown = error_of("WebhookReplyNode", {"isWebsocketMessage": True, "bodyTemplate": "x"})

    assert (thrown["name"], "websockets" in thrown["message"]) == ("NotImplemented", True)
