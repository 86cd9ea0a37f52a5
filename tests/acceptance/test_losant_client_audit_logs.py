"""Audit logs of organisations, by the vendor's client."""

from __future__ import annotations

from uuid import uuid4

import pytest
from losant_rest import Client, LosantError

from tests.support.vendor import Vendor, refused, sound, until

MINUTE_MS = 60_000


@pytest.fixture
def org(signed_in):
    return signed_in.orgs.post(organization={"name": "Works"})["id"]


@pytest.fixture
def works(signed_in, org):
    made = signed_in.applications.post(application={"name": "Mill", "orgId": org})
    return Vendor(signed_in, signed_in.url, made["applicationId"])


def entries(client, org, count, **wanted):
    found = until(
        lambda: client.audit_logs.get(orgId=org, **wanted), lambda seen: seen["count"] >= count
    )
    assert found["totalCount"] == count, found["items"]
    return found["items"]


def test_each_change_is_told_with_its_author_its_target_and_its_answer(works, org):
    client, key = works.client, works.key
    device = client.devices.post(**key, device={"name": "Pump"})
    one = {**key, "deviceId": device["id"]}
    client.device.patch(**one, device={"name": "Motor"})
    refused(400, "name", client.device.patch, **one, device={"name": 5})
    client.device.get(**one)
    client.device.send_state(**one, deviceState={"data": {}})
    client.device.delete(**one)

    found = entries(client, org, 5)

    assert [(each["requestResource"], each["requestAction"]) for each in found] == [
        ("device", "delete"),
        ("device", "patch"),
        ("device", "patch"),
        ("devices", "post"),
        ("applications", "post"),
    ]
    assert [each["responseStatus"] for each in found] == [200, 400, 200, 201, 201]
    changed = sound(found[2])
    assert changed["requestBody"] == {"name": "Motor"}
    assert changed["requestPathParams"] == one
    assert changed["responseBody"]["name"] == "Motor"
    me = client.me.get()
    actor = {"actorId": me["userId"], "actorType": "User", "actorName": me["fullName"]}
    assert actor.items() <= changed.items()
    target = {
        "primaryTargetId": works.application,
        "primaryTargetType": "Application",
        "primaryTargetName": "Mill",
        "secondaryTargetId": device["id"],
        "secondaryTargetType": "Device",
        "secondaryTargetName": "Motor",
    }
    assert target.items() <= changed.items()
    assert found[1]["responseBody"]["type"] == "Validation"
    assert found[3]["secondaryTargetId"] == device["id"]
    assert client.audit_log.get(orgId=org, auditLogId=changed["id"]) == changed


def test_logs_are_filtered_by_target_author_request_and_answer(works, org):
    client, key = works.client, works.key
    flow = client.flows.post(**key, flow={"name": "F"})
    client.webhooks.post(**key, webhook={"name": "W"})
    token = client.application_api_tokens.post(**key, apiToken={"name": "robot"})
    robot = Client(auth_token=token["token"], url=works.url)
    robot.flow.patch(**key, flowId=flow["id"], flow={"name": "G"})
    refused(400, "name", client.webhooks.post, **key, webhook={"name": ""})
    entries(client, org, 6)

    def kept(**wanted):
        found = client.audit_logs.get(orgId=org, auditLogFilter=wanted, sortDirection="asc")
        return [f"{each['requestResource']}.{each['requestAction']}" for each in found["items"]]

    assert kept(secondaryTarget=[{"type": "Flow"}]) == ["flows.post", "flow.patch"]
    assert kept(secondaryTarget=[{"id": flow["id"].upper()}]) == ["flows.post", "flow.patch"]
    assert kept(secondaryTarget=[{"type": "Flow", "name": "G"}]) == ["flow.patch"]
    assert kept(actor=[{"type": "ApiToken"}, {"name": "robot"}]) == ["flow.patch"]
    assert kept(request=[{"resource": "webhooks"}, {"resource": "flows", "action": "post"}]) == [
        "flows.post",
        "webhooks.post",
        "webhooks.post",
    ]
    assert kept(responseCode=[400]) == ["webhooks.post"]
    assert kept(responseCode=[400], secondaryTarget=[{"type": "Flow"}]) == []
    assert kept(primaryTarget=[{"type": "Dashboard"}]) == []
    assert len(kept(primaryTarget=[{"name": "Mill"}])) == 6
    by_status = client.audit_logs.get(orgId=org, sortField="responseStatus")["items"]
    assert by_status[0]["responseStatus"] == 400
    named = client.audit_logs.get(orgId=org, sortField="actorName", sortDirection="asc", perPage=2)
    assert (named["count"], named["totalCount"], named["perPage"]) == (2, 6, 2)
    assert client.audit_logs.get(orgId=org, end=-MINUTE_MS)["totalCount"] == 0
    assert client.audit_logs.get(orgId=org, start=-MINUTE_MS)["totalCount"] == 6


def test_no_secret_is_in_a_log(works, org):
    client, key = works.client, works.key
    user = {"email": f"{uuid4().hex}@x.test", "password": "Gr33n-tea-leaf"}
    client.experience_users.post(**key, experienceUser=user)
    access = client.application_keys.post(**key, applicationKey={})
    token = client.application_api_tokens.post(**key, apiToken={"name": "t"})
    config = {"apiKey": "SG.abcdefgh"}
    credential = {"name": "c", "type": "sendgrid", "sendgridConfig": config}
    client.credentials.post(**key, credential=credential)

    text = repr(entries(client, org, 5))

    for secret in (user["password"], access["secret"], token["token"], config["apiKey"]):
        assert secret not in text
    assert access["key"] in text
    assert user["email"] in text


def test_a_deleted_application_and_invitations_are_told_of(works, org):
    client = works.client
    client.org.invite_member(orgId=org, invite={"email": "a@x.test", "role": "view"})
    client.application.delete(**works.key)

    deleted, invited, _ = entries(client, org, 3)

    assert deleted["primaryTargetName"] == "Mill"
    assert (invited["requestAction"], invited["primaryTargetType"]) == ("inviteMember", "OrgInvite")
    assert invited["primaryTargetName"] == "a@x.test"
    assert invited["requestQueryParams"] == {}


def test_dashboards_of_an_organization_and_of_its_applications_are_told_of(works, org):
    client = works.client
    of_org = client.dashboards.post(dashboard={"name": "A", "orgId": org})["id"]
    client.dashboard.patch(dashboardId=of_org, dashboard={"name": "B"})
    client.dashboard.delete(dashboardId=of_org)
    inside = {"name": "C", "applicationId": works.application}
    of_application = client.dashboards.post(dashboard=inside)["id"]
    client.dashboard.delete(dashboardId=of_application)
    mine = client.dashboards.post(dashboard={"name": "mine"})["id"]
    client.dashboard.delete(dashboardId=mine)

    found = entries(client, org, 6)[::-1][1:]

    told = [(each["requestAction"], each.get("primaryTargetName")) for each in found]
    assert told == [
        ("post", "A"),
        ("patch", "A"),
        ("delete", "B"),
        ("post", "Mill"),
        ("delete", "Mill"),
    ]
    assert found[0]["primaryTargetType"] == "Dashboard"
    assert [each["secondaryTargetId"] for each in found[3:]] == [of_application] * 2


def test_bodies_that_are_no_text_do_not_stop_a_log(works, org):
    client = works.client
    for body in (b'{"name":"a\xff"}', b'{"name":"a\\u0000b"}', b"[" * 5000):
        assert works.raw("POST", "/devices", content=body).status_code == 400
    works.raw("PATCH", "/experience/versions/a%00b", json={"description": "x"})
    client.devices.post(**works.key, device={"name": "Pump"})

    newest = until(
        lambda: client.audit_logs.get(orgId=org)["items"],
        lambda seen: seen and seen[0].get("secondaryTargetName") == "Pump",
    )

    assert newest[1]["responseStatus"] == 400


def test_a_log_is_its_own_organizations_and_for_those_who_lead_it(works, org):
    client = works.client
    other = client.orgs.post(organization={"name": "Other"})["id"]
    entry = entries(client, org, 1)[0]
    token = client.application_api_tokens.post(**works.key, apiToken={"name": "t"})["token"]
    bound = Client(auth_token=token, url=works.url)

    assert client.audit_logs.get(orgId=other)["totalCount"] == 0
    refused(404, "not found", client.audit_log.get, orgId=other, auditLogId=entry["id"])
    refused(404, "not found", client.audit_log.get, orgId=org, auditLogId="0" * 24)
    refused(404, "not found", client.audit_logs.get, orgId="0" * 24)
    with pytest.raises(LosantError) as error:
        bound.audit_logs.get(orgId=org)
    assert error.value.status in {403, 404}


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"auditLogFilter": "x"}, "auditLogFilter"),
        ({"auditLogFilter": {"actor": [{"id": "' OR 1=1"}]}}, "auditLogFilter"),
        ({"auditLogFilter": {"actor": [{"colour": "red"}]}}, "auditLogFilter"),
        ({"auditLogFilter": {"responseCode": [99]}}, "auditLogFilter"),
        ({"auditLogFilter": {"other": []}, "x": 1, "sortField": "document"}, "sortField"),
        ({"sortDirection": "up"}, "sortDirection"),
        ({"start": "soon"}, "start"),
        ({"perPage": 1001}, "perPage"),
    ],
)
def test_a_broken_question_is_refused(signed_in, org, wanted, named):
    wanted.pop("x", None)
    refused(400, named, signed_in.audit_logs.get, orgId=org, **wanted)
