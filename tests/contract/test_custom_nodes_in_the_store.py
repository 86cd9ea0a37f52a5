"""What every store promises of workflows that run custom nodes: those come with them."""

import msgspec
import pytest

from drover.flows import compile_flow
from drover.ports.flows import IndexedTrigger
from drover.store.session import SqlStore

APPLICATION, OTHER = "a" * 24, "b" * 24
FLOW, CUSTOM, INNER = "f" * 24, "c1" * 12, "c2" * 12
VERSION = "e" * 24
START = {"type": "customNodeStart", "key": "customNodeStart", "outputIds": [["end"]]}
FORM = {"outputCount": 1, "resultMode": "none", "fields": []}
_FLOW_COLUMNS = (
    "application_id", "id", "name", "flow_class", "enabled", "default_version_id", "created_ms", "updated_ms",
    "document",
)  # fmt: skip
_VERSION_COLUMNS = (
    "application_id", "flow_id", "id", "version", "enabled", "created_ms", "updated_ms", "document",
)  # fmt: skip


@pytest.fixture
async def store(database):
    made = SqlStore(database)
    columns = ("id", "owner_type", "owner_id", "name", "created_ms", "updated_ms", "document")
    rows = [
        (each, "user", "u" * 24, "App", 1, 1, _text({"id": each, "name": "App", "globals": []}))
        for each in (APPLICATION, OTHER)
    ]
    await database.write(lambda tx: tx.copy_rows("application", columns, rows))
    return made


def _text(document):
    return msgspec.json.encode(document).decode()


def call(of, version=None, name="call"):
    config = {"customNodeId": of} | ({"customNodeVersion": version} if version else {})
    return {"id": name, "type": "CustomNodeExecuteNode", "config": config, "outputIds": [[]]}


def end(label="end"):
    return {"id": "end", "type": "CustomNodeCapNode", "config": {}, "meta": {"label": label}}


async def add(database, flow_id, *nodes, kind="customNode", default=None, application=APPLICATION):
    document = {
        "id": flow_id, "name": flow_id[:2], "flowClass": kind, "triggers": [START], "nodes": nodes,
        "customNodeConfig": FORM,
    }  # fmt: skip
    row = (application, flow_id, "Flow", kind, 1, default, 1, 1, _text(document))
    await database.write(lambda tx: tx.copy_rows("flow", _FLOW_COLUMNS, [row]))


async def add_version(database, name, *nodes):
    document = {"id": VERSION, "version": name, "triggers": [START], "nodes": nodes, "globals": []}
    row = (APPLICATION, CUSTOM, VERSION, name, 1, 1, 1, _text(document))
    await database.write(lambda tx: tx.copy_rows("flow_version", _VERSION_COLUMNS, [row]))


async def found(store):
    trigger = IndexedTrigger(position=0, type="timer", key="k")
    await store.write(lambda s: s.flows.index(APPLICATION, FLOW, "", [trigger]))
    (flow,) = await store.read(lambda s: s.flows.subscribed(APPLICATION, "timer", "k"))
    compile_flow(flow.definition)
    return flow, msgspec.json.decode(flow.definition).get("customNodes")


async def test_a_workflow_comes_with_the_custom_nodes_it_runs(store, database):
    await add(database, FLOW, call(CUSTOM), kind="cloud")
    await add(database, CUSTOM, end())

    _, within = await found(store)

    assert list(within) == [f"{CUSTOM}/default"]
    definition = within[f"{CUSTOM}/default"]
    assert (definition["id"], definition["flowVersion"]) == (CUSTOM, "develop")
    assert (definition["customNodeConfig"], definition["triggers"]) == (FORM, [START])


async def test_custom_nodes_within_custom_nodes_come_as_well(store, database):
    await add(database, FLOW, call(CUSTOM), kind="cloud")
    await add(database, CUSTOM, call(INNER), end())
    await add(database, INNER, call(CUSTOM, name="back"), end())

    _, within = await found(store)

    assert sorted(within) == [f"{CUSTOM}/default", f"{INNER}/default"]


async def test_the_tag_changes_with_a_custom_node(store, database):
    await add(database, FLOW, call(CUSTOM), kind="cloud")
    before, _ = await found(store)
    await add(database, CUSTOM, end())
    after, _ = await found(store)

    assert before.tag != after.tag


async def test_the_default_version_and_named_ones_are_told_apart(store, database):
    await add(
        database, FLOW, call(CUSTOM), call(CUSTOM, "v1", "one"), call(CUSTOM, "develop", "two"),
        call(CUSTOM, "v9", "none"), kind="cloud",
    )  # fmt: skip
    await add(database, CUSTOM, end("develop"), default=VERSION)
    await add_version(database, "v1", end("v1"))

    _, within = await found(store)

    labels = {key: each["nodes"][0]["meta"]["label"] for key, each in within.items()}
    assert labels == {
        f"{CUSTOM}/default": "v1",
        f"{CUSTOM}/v1": "v1",
        f"{CUSTOM}/develop": "develop",
    }
    assert within[f"{CUSTOM}/v1"]["customNodeConfig"] == FORM


async def test_neither_other_classes_nor_other_applications_are_custom_nodes(store, database):
    await add(database, FLOW, call(CUSTOM), call(INNER, name="other"), kind="cloud")
    await add(database, CUSTOM, end(), application=OTHER)
    await add(database, INNER, end(), kind="cloud")

    _, within = await found(store)

    assert within == {}


async def test_a_node_that_names_no_custom_node_asks_for_none(store, database):
    nameless = {"id": "call", "type": "CustomNodeExecuteNode", "outputIds": [[]]}
    await add(database, FLOW, nameless, kind="cloud")

    _, within = await found(store)

    assert within == {}
