"""Workflows brought in together, found by a version's name, and the custom nodes they use."""

from __future__ import annotations

import pytest

from tests.support.vendor import Vendor, keep, node, refused, sound, trigger

FORM = {"outputCount": 1, "resultMode": "optional", "fields": []}
OLD, OLD_CUSTOM, OLD_VERSION = "a1" * 12, "b2" * 12, "c3" * 12


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


def custom_node(vendor, name, **more):
    start = {**trigger("customNodeStart", "customNodeStart", "end"), "outputIds": [[]]}
    body = {"name": name, "flowClass": "customNode", "customNodeConfig": FORM, "triggers": [start]}
    return vendor.client.flows.post(**vendor.key, flow={**body, **more})["id"]


def button(node_id, key=None):
    return trigger("virtualButton", key, node_id)


def uses(custom_id, node_id="use"):
    return node(node_id, "CustomNodeExecuteNode", customNodeId=custom_id, fields=[])


@pytest.fixture
def bundle():
    """A workflow that uses a custom node and presses its own button, and a version of it."""
    press = node("p", "WorkflowTriggerNode", triggerWorkflowId=OLD, triggerVirtualButtonId="push")
    return {
        "flows": [
            {
                "id": OLD.upper(),
                "applicationId": OLD,
                "name": "Main",
                "defaultVersionId": OLD_VERSION,
                "triggers": [button("p", f"{OLD}-push")],
                "nodes": [{**press, "outputIds": [["use"]]}, uses(OLD_CUSTOM)],
            },
            {"id": OLD_CUSTOM, "name": "Part", "flowClass": "customNode", "customNodeConfig": FORM},
        ],
        "flowVersions": [
            {
                "id": OLD_VERSION,
                "flowId": OLD,
                "version": "v1",
                "triggers": [button("k", f"{OLD}-push")],
                "nodes": [keep("k")],
            }
        ],
    }


def test_imported_workflows_have_new_ids_and_refer_to_one_another_by_them(vendor, bundle):
    made = sound(vendor.client.flows.api_import(**vendor.key, importData=bundle))

    flows, versions = made["importedFlowIdMap"], made["importedVersionIdMap"]
    assert set(flows) == {OLD, OLD_CUSTOM}
    assert set(versions) == {OLD_VERSION}
    main = sound(made["flows"][0], "flowId")
    assert main["id"] == flows[OLD]
    assert main["defaultVersionId"] == versions[OLD_VERSION]
    assert main["triggers"][0]["key"] == f"{flows[OLD]}-push"
    assert main["nodes"][0]["config"]["triggerWorkflowId"] == flows[OLD]
    assert main["nodes"][1]["config"]["customNodeId"] == flows[OLD_CUSTOM]
    (version,) = made["flowVersions"]
    assert sound(version, "flowVersionId")["flowId"] == flows[OLD]
    assert version["_links"]["self"]["href"].endswith(
        f"/flows/{flows[OLD]}/versions/{version['id']}"
    )
    pressed = {"key": "push", "payload": {"x": 1}}
    here = {**vendor.key, "flowId": flows[OLD]}
    assert vendor.client.flow.press_virtual_button(**here, button=pressed)["success"]


def test_a_version_may_be_brought_in_for_a_workflow_that_is_there(vendor):
    there = vendor.flow([button("k")], keep("k"))
    version = {"flowId": there["flowId"], "version": "later"}

    made = vendor.client.flows.api_import(**vendor.key, importData={"flowVersions": [version]})

    assert made["flows"] == []
    assert made["flowVersions"][0]["flowId"] == there["flowId"]
    assert made["importedVersionIdMap"] == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"flows": [{"name": "ok"}, {"name": ""}]}, "flows[1].name"),
        ({"flows": [{"name": "ok"}, {"name": "x", "colour": 1}]}, "colour"),
        ({"flows": [{"name": "ok", "id": OLD}, {"name": "x", "id": OLD.upper()}]}, "flows[].id"),
        ({"flows": [{"name": "ok", "id": "short"}]}, "flows[].id"),
        ({"flows": [{"name": "ok"}], "flowVersions": [{"version": "v"}]}, "flowVersions[0].flowId"),
        ({"flowVersions": [{"version": "v", "flowId": OLD}]}, "flowId"),
        ({"flows": [{"name": "ok", "defaultVersionId": OLD_VERSION}]}, "defaultVersionId"),
        ({"flows": [{"name": "ok"}, {"name": "x", "nodes": [node("n", "NoSuchNode")]}]}, "NoSuch"),
        ({"flows": "all"}, "flows"),
        ({"flow": []}, "flow"),
    ],
)
def test_an_import_with_a_fault_is_refused_and_leaves_nothing(vendor, change, told):
    refused(400, told, vendor.client.flows.api_import, **vendor.key, importData=change)

    assert vendor.client.flows.get(**vendor.key)["count"] == 0


def test_an_import_may_not_bring_versions_into_another_applications_workflow(vendor, losant):
    other = losant.applications.post(application={"name": "Other"})["id"]
    foreign = losant.flows.post(applicationId=other, flow={"name": "theirs"})["id"]
    version = {"flowId": foreign, "version": "v"}

    refused(
        400, "flowId", vendor.client.flows.api_import, **vendor.key,
        importData={"flowVersions": [version]},
    )  # fmt: skip
    there = losant.flow_versions.get(applicationId=other, flowId=foreign)
    assert there["count"] == 0


def test_versions_of_one_name_are_listed_over_all_workflows(vendor):
    one = {"applicationId": vendor.application}
    for name in ("beta", "alpha"):
        flow = vendor.client.flows.post(
            **one, flow={"name": name, "triggers": [button("k")], "nodes": [keep("k")]}
        )
        for version in ("v1", "v2"):
            body = {"version": version, "triggers": flow["triggers"], "nodes": flow["nodes"]}
            vendor.client.flow_versions.post(**one, flowId=flow["id"], flowVersion=body)
    flows = vendor.client.flows

    found = sound(flows.get_by_version(**one, version="v1"))

    assert [each["version"] for each in found["items"]] == ["v1", "v1"]
    assert (found["totalCount"], found["sortField"], found["sortDirection"]) == (2, "name", "asc")
    names = [
        flows.get(**one, query={"id": each["flowId"]})["items"][0]["name"]
        for each in found["items"]
    ]
    assert names == ["alpha", "beta"]
    for each in found["items"]:
        assert each["_links"]["self"]["href"].endswith(
            f"/flows/{each['flowId']}/versions/{each['id']}"
        )
    assert flows.get_by_version(**one, version="v1", filterField="name", filter="AL*")["count"] == 1
    assert flows.get_by_version(**one, version="v1", query={"name": "beta"})["count"] == 1
    assert (
        flows.get_by_version(**one, version="v1", triggerFilter=[{"type": "timer"}])["count"] == 0
    )
    assert flows.get_by_version(**one, version="v1", flowClass="edge")["count"] == 0
    assert flows.get_by_version(**one, version="v3")["items"] == []
    assert flows.get_by_version(**one, version="v1", page=1, perPage=1)["count"] == 1
    refused(400, "version", flows.get_by_version, **one, version="")
    refused(400, "nodes", flows.get_by_version, **one, version="v1", query={"nodes": {"type": "x"}})


def test_a_query_finds_workflows_by_any_of_their_versions(vendor):
    one = vendor.flow([button("k")], keep("k"))
    table = node("t", "DataTableQueryNode", dataTableIdTemplate=OLD, resultPath="working.x")
    timer = {**button("t"), "outputIds": [["t"]]}
    body = {"version": "v1", "triggers": [timer], "nodes": [table]}
    vendor.client.flow_versions.post(**one, flowVersion=body)
    query = {"nodes": {"type": "DataTableQueryNode"}}
    flows = vendor.client.flows

    assert flows.get(**vendor.key, query=query)["count"] == 0
    assert flows.get(**vendor.key, query=query, allVersions=True)["count"] == 1
    by_id = {**query, "id": one["flowId"]}
    assert flows.get(**vendor.key, query=by_id, allVersions=True)["count"] == 1
    by_other = {**query, "id": OLD}
    assert flows.get(**vendor.key, query=by_other, allVersions=True)["count"] == 0
    assert flows.get(**vendor.key, allVersions=True)["count"] == 1


def test_the_palette_lists_custom_nodes_in_the_version_that_runs(vendor):
    first = custom_node(vendor, "A", category="logic", description="does it")
    second = custom_node(vendor, "B", customNodeSupports=["edge"])
    version = vendor.client.flow_versions.post(
        **vendor.key, flowId=second, flowVersion={"version": "2", "customNodeConfig": FORM}
    )["id"]
    vendor.client.flow.patch(**vendor.key, flowId=second, flow={"defaultVersionId": version})
    vendor.client.flows.post(**vendor.key, flow={"name": "no node"})

    found = vendor.client.flows.palette(**vendor.key)

    assert found["applicationId"] == vendor.application
    a, b = found["customNodes"]
    assert a == {
        "id": first,
        "name": "A",
        "category": "logic",
        "description": "does it",
        "customNodeConfig": FORM,
        "version": "develop",
        "compatibleFlowClasses": {"cloud": True, "experience": True},
    }
    assert (b["flowVersionId"], b["version"]) == (version, "2")
    assert b["compatibleFlowClasses"] == {"edge": True}


def test_workflows_tell_of_their_custom_nodes_where_that_is_asked(vendor):
    part = custom_node(vendor, "Part")
    client = vendor.client
    body = {"name": "Main", "triggers": [button("use")], "nodes": [uses(part)]}

    made = client.flows.post(**vendor.key, flow=body, includeCustomNodes=True)

    one = {**vendor.key, "flowId": made["id"]}
    assert [each["id"] for each in made["customNodes"]] == [part]
    told = client.flow.get(**one, includeCustomNodes=True)
    assert sound(told, "flowId")["customNodes"][0]["name"] == "Part"
    assert "customNodes" not in client.flow.get(**one)
    listed = client.flows.get(**vendor.key, includeCustomNodes=True)
    assert [len(each["customNodes"]) for each in listed["items"]] == [1]
    version = client.flow_versions.post(
        **one, flowVersion={"version": "v", "nodes": body["nodes"]}, includeCustomNodes=True
    )
    assert version["customNodes"][0]["id"] == part
    by_version = client.flows.get_by_version(**vendor.key, version="v", includeCustomNodes=True)
    assert by_version["items"][0]["customNodes"][0]["id"] == part
    bad = {**body, "name": "Bad"}
    refused(
        400, "includeCustomNodes", client.flows.post, **vendor.key, flow=bad,
        includeCustomNodes="maybe",
    )  # fmt: skip
    assert client.flows.get(**vendor.key)["count"] == 1


def test_the_form_of_a_versions_custom_node_is_checked(vendor):
    part = custom_node(vendor, "Part")
    versions = vendor.client.flow_versions
    for form, told in (
        ({**FORM, "outputCount": 3}, "outputCount"),
        ({**FORM, "fields": [{"type": "slider", "label": "x"}]}, "type"),
        ({**FORM, "more": 1}, "more"),
        ({}, "required"),
    ):
        body = {"version": "v", "customNodeConfig": form}
        refused(400, told, versions.post, **vendor.key, flowId=part, flowVersion=body)
