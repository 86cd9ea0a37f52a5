import pytest

from drover.flows import check_flow, warnings_of
from drover.flows.catalogue import why_not
from drover.flows.keys import error_scope, found_by, is_button, with_keys
from drover.flows.matching import matches
from drover.flows.node import node_types
from drover.flows.triggers import TRIGGERS
from drover.ports.jobs import Firing
from tests.support.flow_world import FLOW, error_of, flow, node


def flaws(definition, **more):
    return [(flaw.place, flaw.message) for flaw in check_flow(definition, **more)]


def test_a_sound_workflow_has_no_flaws():
    definition = flow(["a"], node("a", "DebugNode", {"message": "{{data}}", "unknown": 1}, []))

    assert flaws(definition, handlers=()) == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("zzz", "Referenced output ID zzz does not exist."),
        ("a", "A node cannot connect to itself."),
        ("inner", "Referenced output ID inner does not exist in the required group."),
    ],
)
def test_wires_must_lead_somewhere(target, message):
    loop = node(
        "loop", "LoopNode", {"loopSourcePath": "data", "currentItemPath": "i"}, [], ["inner"]
    )
    definition = flow(
        ["a"],
        node("a", "DebugNode", {}, [target]),
        loop,
        node("inner", "DebugNode", {}, [], group="loop"),
    )

    assert flaws(definition) == [("/nodes/0/outputIds/0/0", message)]


def test_a_trigger_must_lead_to_nodes_outside_of_loops():
    loop = node(
        "loop", "LoopNode", {"loopSourcePath": "data", "currentItemPath": "i"}, [], ["inner"]
    )
    definition = flow(["inner", "none"], loop, node("inner", "DebugNode", {}, [], group="loop"))

    assert flaws(definition) == [
        (
            "/triggers/0/outputIds/0/0",
            "Referenced output ID inner does not exist in the required group.",
        ),
        ("/triggers/0/outputIds/0/1", "Referenced output ID none does not exist."),
    ]


def test_a_loops_body_must_be_in_its_group():
    loop = node(
        "loop", "LoopNode", {"loopSourcePath": "data", "currentItemPath": "i"}, [], ["outside"]
    )
    definition = flow(["loop"], loop, node("outside", "DebugNode", {}, []))

    assert flaws(definition) == [
        (
            "/nodes/0/outputIds/1/0",
            "Referenced output ID outside does not exist in the required group.",
        )
    ]


def test_ids_must_be_unique():
    definition = flow([], node("a", "DebugNode", {}, []), node("a", "DebugNode", {}, []))

    assert flaws(definition) == [
        ("/nodes/0/id", "Node IDs must be unique."),
        ("/nodes/1/id", "Node IDs must be unique."),
    ]


def test_cycles_are_no_flaw():
    definition = flow(["a"], node("a", "DebugNode", {}, ["b"]), node("b", "DebugNode", {}, ["a"]))

    assert flaws(definition) == []


def test_nodes_with_two_outputs_need_both():
    definition = flow(["a"], node("a", "ConditionalNode", {"expression": "true"}, []))

    assert flaws(definition) == [("/nodes/0/outputIds", "The node must have two outputs.")]


@pytest.mark.parametrize(
    "kind", ["ModbusReadNode", "Base64EncodeNode", "NoSuchNode", "CustomNodeCapNode"]
)
def test_types_of_other_classes_are_refused(kind):
    assert flaws(flow([], node("a", kind, {}, []))) == [
        ("/nodes/0/type", f"{kind} is not valid for cloud workflows.")
    ]


def test_types_of_others_servers_are_accepted_with_a_warning():
    definition = flow(
        [], node("a", "MongoNode", {"anything": 1}, []), node("b", "AzureFunctionNode", {}, [])
    )

    assert flaws(definition) == []
    assert [(flaw.place, flaw.message) for flaw in warnings_of(definition)] == [
        ("/nodes/0/type", why_not("MongoNode")),
        ("/nodes/1/type", why_not("AzureFunctionNode")),
    ]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("EdgeDeployNode", "edge agents"),
        ("SqlNode", "Python handler"),
        ("SlackNode", "HTTP"),
        ("WebsocketMessageNode", "integrations"),
    ],
)
def test_a_run_that_reaches_a_type_of_others_is_told_why_it_is_not_run(kind, reason):
    thrown = error_of(kind, {"anything": 1})

    assert thrown["name"] == "NotImplemented"
    assert thrown["message"].startswith(f"{kind} is not run by this server: ")
    assert reason in thrown["message"]


def test_a_trigger_that_never_fires_is_accepted_with_a_warning():
    definition = {**flow([]), "triggers": [{"type": "integration", "key": "5" * 24}]}

    assert flaws(definition) == []
    assert [flaw.place for flaw in warnings_of(definition)] == ["/triggers/0/type"]


def test_nodes_of_machines_elsewhere_are_not_checked():
    definition = flow([], node("a", "ModbusReadNode", {}, []), flowClass="edge")

    assert flaws(definition) == []


@pytest.mark.parametrize(
    ("kind", "config", "place", "part"),
    [
        ("DebugNode", {"message": "{{#if x}}"}, "message", "position"),
        ("DebugNode", {"property": "{{data}}"}, "property", "position"),
        ("DebugNode", {"message": 5}, "message", "Message must be text"),
        ("DebugNode", {"level": "loud"}, "level", "Level must be one of"),
        (
            "MathNode",
            {"statements": [{"expression": "1 +", "resultPath": "x"}]},
            "statements/0/expression",
            "position",
        ),
        (
            "MathNode",
            {"statements": [{"expression": "1"}]},
            "statements/0/resultPath",
            "Result path is required",
        ),
        ("MathNode", {"statements": "x"}, "statements", "must be a list"),
        ("MathNode", {"statements": [5]}, "statements/0", "must be an object"),
        ("MutateNode", {"rules": [{"type": "twist"}]}, "rules/0/type", "Type must be one of"),
        ("MutateNode", {}, "rules", "Rules is required"),
        (
            "MutateNode",
            {"rules": [{"type": "remove", "source": "a"}] * 101},
            "rules",
            "more than 100",
        ),
        (
            "StringNode",
            {"sourceData": "x", "method": "twist", "resultPath": "x"},
            "method",
            "Method must be one of",
        ),
        (
            "PythonHandlerNode",
            {"handler": "nobody"},
            "handler",
            "No handler is registered as 'nobody'",
        ),
        (
            "LoopNode",
            {"loopSourcePath": "a", "currentItemPath": "b", "parallel": 1},
            "parallel",
            "true or false",
        ),
        ("GetValueNode", {"keyName": "k"}, "valuePath", "Value path is required"),
        (
            "ResourceJobAcknowledgeNode",
            {"successExpression": "  "},
            "successExpression",
            "is required",
        ),
        (
            "HttpNode",
            {"uriTemplate": "x", "authType": "basic", "authCredentials": 5},
            "authCredentials",
            "an object",
        ),
    ],
)
def test_every_key_of_a_config_is_checked(kind, config, place, part):
    outputs = node_types()[kind].outputs
    definition = flow([], node("a", kind, config, *([[]] * max(outputs, 0))))

    found = flaws(definition, handlers=())

    assert next(where for where, _ in found) == f"/nodes/0/config/{place}"
    assert part in found[0][1]


def test_imports_may_lack_what_is_required():
    definition = flow([], node("a", "GetValueNode", {"keyName": "k"}, []))

    assert flaws(definition, lenient=True) == []
    assert [flaw.message for flaw in warnings_of(definition)] == ["Value path is required"]


def test_loops_nest_only_so_deep_and_end_inside_themselves():
    config = {"loopSourcePath": "a", "currentItemPath": "b"}
    loops = [
        node(f"l{n}", "LoopNode", config, [], [f"l{n + 1}"], group=f"l{n - 1}" if n else None)
        for n in range(9)
    ]
    last = node("l9", "LoopCapNode", {"loopNodeId": "l8"}, group="l8")

    assert flaws(flow(["l0"], *loops, last)) == [
        ("/nodes/9/meta/groupId", "Loops may not be nested deeper than 8.")
    ]
    stray = node("x", "LoopCapNode", {"loopNodeId": "l"})
    assert flaws(flow([], stray)) == [("/nodes/0/meta", "The end of a loop must be inside one.")]
    lost = node("x", "DebugNode", {}, [], group="none")
    assert flaws(flow([], lost)) == [("/nodes/0/meta/groupId", "Group none does not exist.")]


def test_a_caps_loop_is_the_one_around_it():
    loop = node(
        "loop", "LoopNode", {"loopSourcePath": "data", "currentItemPath": "i"}, [], ["next"]
    )
    cap = node("next", "LoopCapNode", {"loopNodeId": "other"}, group="loop")

    assert flaws(flow(["loop"], loop, cap)) == [
        ("/nodes/1/config/loopNodeId", "The loop node must be the loop around the node.")
    ]


def trigger(kind, **more):
    return {"type": kind, "outputIds": [], **more}


def trigger_flaws(*triggers, **more):
    return flaws({"triggers": list(triggers), "nodes": [], **more})


@pytest.mark.parametrize("kind", [kind for kind, known in TRIGGERS.items() if not known.edge_only])
def test_published_triggers_are_accepted(kind):
    config = {"seconds": 60} if kind == "timer" else {}
    flow_class = "customNode" if kind == "customNodeStart" else "cloud"
    meta = {
        "category": "trigger",
        "name": TRIGGERS[kind].names[0],
        "label": "A",
        "x": 1.5,
        "uiId": "u",
    }

    assert trigger_flaws(trigger(kind, config=config, meta=meta), flowClass=flow_class) == []


@pytest.mark.parametrize(
    "kind", [*(kind for kind, known in TRIGGERS.items() if known.edge_only), "deviceState"]
)
def test_triggers_of_edge_workflows_are_refused(kind):
    assert trigger_flaws(trigger(kind)) == [
        ("/triggers/0/type", f"{kind} is not valid for cloud workflows.")
    ]


def test_edge_workflows_keep_their_triggers():
    assert trigger_flaws(trigger("deviceCommand"), flowClass="edge") == []
    assert trigger_flaws(trigger("snmpTrap", config={}), flowClass="edge") == [
        ("/triggers/0/config/udpPort", "udpPort is required"),
        ("/triggers/0/config/snmpTrapConfig", "snmpTrapConfig is required"),
    ]
    user = {"user": {"name": "n", "securityLevel": "none"}}
    assert (
        trigger_flaws(
            trigger("snmpTrap", config={"udpPort": "1", "snmpTrapConfig": user}), flowClass="edge"
        )
        == []
    )
    assert len(trigger_flaws(trigger("beckhoff", config={"cycleTimeMs": 1}), flowClass="edge")) == 1
    assert len(trigger_flaws(trigger("onSync", config={"syncTypes": []}), flowClass="edge")) == 1


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"type": "webhook", "config": {"x": 1}}, "/config/x"),
        ({"type": "webhook", "meta": {"colour": "red"}}, "/meta/colour"),
        ({"type": "webhook", "meta": {"name": "timer"}}, "/meta/name"),
        ({"type": "webhook", "meta": {"label": ""}}, "/meta/label"),
        ({"type": "webhook", "key": "k" * 1025}, "/key"),
        ({"type": "webhook", "extra": 1}, "/extra"),
        ({"type": "timer", "config": {}}, "/config"),
        ({"type": "timer", "config": {"seconds": 0.5}}, "/config/seconds"),
        ({"type": "timer", "config": {"seconds": True}}, "/config/seconds"),
        ({"type": "timer", "config": {"cron": "* * * *"}}, "/config/cron"),
        ({"type": "timer", "config": {"cron": "0 0 L * *"}}, "/config/cron"),
        ({"type": "timer", "config": {"cron": "@reboot"}}, "/config/cron"),
        ({"type": "timer", "config": {"cron": "@annually"}}, "/config/cron"),
        ({"type": "timer", "config": {"seconds": 5, "tz": "Mars/Base"}}, "/config/tz"),
        ({"type": "virtualButton", "meta": {"payload": "[1]"}}, "/meta/payload"),
        ({"type": "virtualButton", "meta": {"payload": "{"}}, "/meta/payload"),
        ({"type": "virtualButton", "meta": {"deviceId": "x"}}, "/meta/deviceId"),
        ({"type": "event", "key": "loud"}, "/key"),
        ({"type": "event", "config": {"new": "yes"}}, "/config/new"),
        ({"type": "deviceCreate", "key": "x"}, "/key"),
        ({"type": "mqttTopic", "key": "losant/x/state"}, "/key"),
        ({"type": "mqttTopic", "key": "$SYS/x"}, "/key"),
        ({"type": "mqttTopic", "key": "a/#/b"}, "/key"),
        ({"type": "mqttTopic", "key": "a/b+"}, "/key"),
        ({"type": "mqttTopic", "key": "a b"}, "/key"),
        ({"type": "deviceIdInactivity", "config": {"seconds": 0}}, "/config/seconds"),
        (
            {"type": "deviceId", "config": {"attributeWhitelist": ["a b"]}},
            "/config/attributeWhitelist",
        ),
        ({"type": "flowError", "config": {"scope": "all"}}, "/config/scope"),
        ({"type": "webhook", "config": []}, "/config"),
    ],
)
def test_triggers_are_checked_strictly(given, place):
    assert [where for where, _ in trigger_flaws(given)][:1] == [f"/triggers/0{place}"]


@pytest.mark.parametrize("cron", ["30 2 * * *", "*/5 0 0 1 1 *", "@hourly", "0 0 * JUL WED"])
def test_cron_expressions_of_five_or_six_fields_are_fine(cron):
    assert trigger_flaws(trigger("timer", config={"cron": cron, "tz": "Europe/Berlin"})) == []


def test_classes_have_their_own_triggers():
    assert trigger_flaws(trigger("timer", config={"seconds": 5}), flowClass="experience") == [
        ("/triggers/0/type", "timer is not valid for experience workflows.")
    ]
    start = trigger("customNodeStart")
    assert trigger_flaws(start, start, flowClass="customNode") == [
        ("/triggers", "A customNode workflow has exactly one customNodeStart trigger.")
    ]


def test_globals_must_be_json_under_proper_keys():
    entries = [{"key": "a b", "json": "1"}, {"key": "ok", "json": "{"}, {"key": "ok"}, 5]

    found = flaws({"globals": entries})

    assert [place for place, _ in found] == [
        "/globals/0/key",
        "/globals/1/json",
        "/globals/2/json",
        "/globals/3",
    ]
    assert len(flaws({"globals": [{"key": "a", "json": "1"}] * 101})) == 1


def test_shapes_that_are_none_are_told_not_raised():
    assert flaws({"triggers": {}, "nodes": "x"}) == [
        ("/triggers", "triggers must be a list"),
        ("/nodes", "nodes must be a list"),
    ]
    assert flaws({"nodes": [5]}) == [("/nodes/0", "An entry must be an object")]
    odd = {"id": 5, "type": "", "config": [], "meta": "x", "outputIds": [5], "more": 1}
    places = [place for place, _ in flaws({"nodes": [odd]})]
    assert places == [
        "/nodes/0/more",
        "/nodes/0/config",
        "/nodes/0/meta",
        "/nodes/0/id",
        "/nodes/0/type",
        "/nodes/0/outputIds",
    ]


def test_every_node_tells_what_it_requires_without_a_config():
    for kind, known in node_types().items():
        outputs = [[]] * max(known.outputs, 0)
        definition = flow([], node("a", kind, {}, *outputs), flowClass="cloud")
        assert all(place.startswith("/nodes/0") for place, _ in flaws(definition)), kind


def test_keys_are_made_once_and_kept():
    timer = {"type": "timer", "meta": {"uiId": "ui1"}}
    button = {"type": "virtualButton"}

    first = with_keys(FLOW, [timer, button, {"type": "deviceCreate"}], [], lambda: "random")
    second = with_keys(FLOW, [button, timer], first, lambda: "other")

    assert [each["key"] for each in first] == [f"{FLOW}-ui1", f"{FLOW}-random", "/"]
    assert second[1]["key"] == f"{FLOW}-ui1"
    assert with_keys(FLOW, [{**button, "key": "mine"}], first, lambda: "other")[0]["key"] == "mine"


def test_errors_are_found_by_scope_and_buttons_by_their_names():
    local, wide = (
        {"type": "flowError", "key": "x"},
        {"type": "flowError", "config": {"scope": "global"}},
    )
    button = {"type": "virtualButton", "key": f"{FLOW}-abc", "meta": {"uiId": "ui"}}

    assert found_by(FLOW, local) == error_scope("local", FLOW)
    assert found_by(FLOW, wide) == "global"
    assert all(is_button(button, name) for name in (f"{FLOW}-abc", "abc", "ui"))
    assert not is_button(button, "other")
    assert not is_button({**button, "type": "timer"}, "ui")


@pytest.mark.parametrize(
    ("kind", "config", "data", "wanted"),
    [
        ("event", b'{"new": true}', b'{"state": "new"}', True),
        ("event", b'{"new": true}', b'{"state": "resolved"}', False),
        (
            "event",
            b'{"new": true, "subject": "*HOT*"}',
            b'{"state": "new", "subject": "too hot"}',
            True,
        ),
        ("event", b'{"subject": "cold"}', b'{"state": "new", "subject": "too hot"}', False),
        ("event", b"{}", b'{"state": "acknowledged"}', True),
        ("dataTable", b'{"insert": true}', b'{"action": "insert"}', True),
        ("dataTable", b'{"insert": true}', b'{"action": "bulkInsert"}', False),
        ("appFile", b'{"create": true}', b'{"action": "create"}', True),
        ("appFile", b'{"create": true}', b'{"action": "delete"}', False),
        ("appFile", b'{"create": true, "public": true}', b'{"action": "create"}', True),
        ("appFile", b'{"private": true}', b'{"action": "create"}', False),
        ("appFile", b"{}", b'{"action": "update"}', True),
        ("timer", b"{}", b"{}", True),
    ],
)
def test_a_triggers_config_decides_what_it_wants(kind, config, data, wanted):
    root = b'{"$place": "public"}'
    firing = Firing(application_id="a" * 24, trigger_type=kind, key="k", data=data, root=root)

    assert matches(config, firing) is wanted
