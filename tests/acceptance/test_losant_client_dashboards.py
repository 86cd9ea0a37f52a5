"""Dashboards of users, organisations and applications by their id, by the vendor's client."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from losant_rest import Client, LosantError

from tests.support.vendor import PASSWORD, refused, sound, until
from tests.support.vendor import signed_in as client_signed_in

NOBODY = "0" * 24


@pytest.fixture
def board(signed_in):
    return signed_in.dashboards.post(dashboard={"name": f"Mine {uuid4().hex}"})


@pytest.fixture
def stranger(signed_in):
    """Another user of the server, signed in."""
    email = f"{uuid4().hex}@x.test"
    headers = {"Authorization": f"Bearer {signed_in.auth_token}"}
    body = {"email": email, "password": PASSWORD, "role": "user"}
    made = httpx.post(f"{signed_in.url}/admin/users", json=body, headers=headers)
    assert made.status_code == 201, made.text
    return client_signed_in(signed_in.url, email)


def test_a_users_own_dashboard_is_made_read_changed_and_deleted(signed_in, board):
    client, one = signed_in, {"dashboardId": board["id"]}

    assert sound(board, "dashboardId")["ownerId"] == client.me.get()["userId"]
    assert (board["ownerType"], "applicationId" in board) == ("user", False)
    changed = client.dashboard.patch(**one, dashboard={"duration": 60_000, "resolution": 5_000})
    assert client.dashboard.get(**one) == changed
    assert changed["duration"] == 60_000
    found = client.dashboards.get(filterField="name", filter=board["name"])
    assert (found["totalCount"], found["items"][0]["id"]) == (1, board["id"])
    assert client.dashboard.delete(**one) == {"success": True}
    refused(404, "not found", client.dashboard.get, **one)


def test_dashboards_of_every_owner_are_in_one_list(vendor, board):
    client = vendor.client
    org_id = client.orgs.post(organization={"name": "Works"})["id"]
    of_org = client.dashboards.post(dashboard={"name": "A", "orgId": org_id})
    inside = {"name": "B", "applicationId": vendor.application}
    of_application = client.dashboards.post(dashboard=inside)

    everything = client.dashboards.get(perPage=1000, sortField="creationDate")["items"]

    assert [each["id"] for each in everything][-3:] == [
        board["id"],
        of_org["id"],
        of_application["id"],
    ]
    assert (of_org["ownerId"], of_org["ownerType"]) == (org_id, "organization")
    assert of_application["applicationId"] == vendor.application
    assert client.application_dashboards.get(**vendor.key)["totalCount"] == 1
    own = client.dashboards.get(orgId=org_id)
    assert ([each["name"] for each in own["items"]], own["orgId"]) == (["A"], org_id)
    inside = client.dashboards.get(applicationId=vendor.application)["items"]
    assert [each["name"] for each in inside] == ["B"]
    one = {"dashboardId": of_application["id"]}
    assert client.dashboard.patch(**one, dashboard={"name": "C"})["name"] == "C"
    client.dashboard.delete(**one)
    assert client.application_dashboards.get(**vendor.key)["totalCount"] == 0
    client.org.delete(orgId=org_id)
    refused(404, "not found", client.dashboard.get, dashboardId=of_org["id"])


def test_a_strangers_dashboard_is_missing(vendor, board, stranger):
    client = vendor.client
    inside = client.dashboards.post(dashboard={"name": "B", "applicationId": vendor.application})
    org_id = client.orgs.post(organization={"name": "Works"})["id"]
    of_org = client.dashboards.post(dashboard={"name": "A", "orgId": org_id})

    for each in (board, inside, of_org):
        one = {"dashboardId": each["id"]}
        refused(404, "not found", stranger.dashboard.get, **one)
        refused(404, "not found", stranger.dashboard.patch, **one, dashboard={"name": "x"})
        refused(404, "not found", stranger.dashboard.delete, **one)
        report = {"toEmail": ["a@x.test"]}
        refused(404, "not found", stranger.dashboard.send_report, **one, reportConfig=report)
        anybody = Client(url=client.url)
        refused(404, "not found", anybody.dashboard.get, **one)
        refused(404, "not found", anybody.dashboard.validate_context, **one, ctx={})
    taken = {"name": "x", "orgId": org_id}
    refused(404, "not found", stranger.dashboards.post, dashboard=taken)
    taken = {"name": "x", "applicationId": vendor.application}
    refused(404, "not found", stranger.dashboards.post, dashboard=taken)
    refused(404, "not found", stranger.dashboards.get, orgId=org_id)
    assert stranger.dashboards.get()["items"] == []
    assert stranger.dashboards.get(applicationId=vendor.application)["items"] == []


def test_members_do_with_an_organizations_dashboard_what_their_role_allows(signed_in, stranger):
    org_id = signed_in.orgs.post(organization={"name": "Works"})["id"]
    boards = [
        signed_in.dashboards.post(dashboard={"name": name, "orgId": org_id})["id"]
        for name in ("A", "B")
    ]
    email = stranger.me.get()["email"]
    own = [{"resourceId": boards[1], "role": "collaborate"}]
    invite = {"email": email, "role": "view", "dashboardRoles": own}
    signed_in.org.invite_member(orgId=org_id, invite=invite)
    invite_id = stranger.me.invites()[0]["id"]
    stranger.me.respond_to_invite(inviteId=invite_id, response={"action": "accept"})

    one, two = {"dashboardId": boards[0]}, {"dashboardId": boards[1]}
    assert stranger.dashboard.get(**one)["name"] == "A"
    assert stranger.dashboards.get()["totalCount"] == 2
    refused(403, "role", stranger.dashboard.patch, **one, dashboard={"name": "x"})
    assert stranger.dashboard.patch(**two, dashboard={"name": "x"})["name"] == "x"
    refused(403, "role", stranger.dashboards.post, dashboard={"name": "x", "orgId": org_id})


def test_a_public_dashboard_opens_with_its_password_and_tells_of_nobody(signed_in, board):
    one, anybody = {"dashboardId": board["id"]}, Client(url=signed_in.url)
    reports = [{"toEmail": ["boss@x.test"], "cron": "0 0 * * *"}]
    signed_in.dashboard.patch(**one, dashboard={"public": True, "reportConfigs": reports})

    assert anybody.dashboard.get(**one)["name"] == board["name"]
    assert anybody.dashboard.get(**one)["reportConfigs"] == []
    protected = signed_in.dashboard.patch(**one, dashboard={"password": "open-sesame"})
    assert protected["isPasswordProtected"] is True
    refused(401, "required", anybody.dashboard.get, **one)
    refused(401, "wrong", anybody.dashboard.get, **one, password="shut-sesame")
    shown = anybody.dashboard.get(**one, password="open-sesame")
    assert (shown["name"], "password" in shown) == (board["name"], False)
    assert signed_in.dashboard.get(**one)["reportConfigs"][0]["toEmail"] == ["boss@x.test"]
    refused(401, "token", Client(auth_token="x", url=signed_in.url).dashboard.get, **one)


def test_passwords_of_a_dashboard_cannot_be_tried_for_ever(signed_in, board):
    one, anybody = {"dashboardId": board["id"]}, Client(url=signed_in.url)
    signed_in.dashboard.patch(**one, dashboard={"public": True, "password": "open-sesame"})
    for _ in range(10):
        refused(401, "wrong", anybody.dashboard.get, **one, password="no")

    with pytest.raises(LosantError) as error:
        anybody.dashboard.get(**one, password="open-sesame")

    assert error.value.data["type"] == "AccountLocked"


def variable(name, kind, default="", **config):
    own = {"validationEnabled": True, "validationConfig": config} if config else {}
    return {"name": name, "type": kind, "defaultValue": default, **own}


def test_what_a_visitor_chooses_is_held_against_what_there_is_to_choose(vendor):
    client, key = vendor.client, vendor.key
    tags = [{"key": "site", "value": "north"}]
    attributes = [{"name": "t", "dataType": "number", "attributeTags": {"unit": "C"}}]
    pump = {"name": "Pump", "tags": tags, "attributes": attributes}
    device = client.devices.post(**key, device=pump)["id"]
    other = client.devices.post(**key, device={"name": "Other"})["id"]
    user = {"email": f"{vendor.application}@x.test", "password": PASSWORD}
    client.experience_users.post(**key, experienceUser=user)
    variables = [
        variable("device", "deviceId", device, deviceTags=tags, includeFullDevice=True),
        variable("plain", "deviceId", other),
        variable("limit", "number", 5, min=1, max=9),
        variable("word", "string", "abc", regExp="^[a-c]+$"),
        variable("field", "deviceAttribute", "t", attributes=["t"]),
        variable("tag", "deviceTag", tags[0], deviceTags=tags),
        variable("person", "experienceUser", user["email"], experienceGroupIds=[]),
    ]
    body = {"name": "D", "contextConfiguration": variables, "duration": 60_000}
    one = {"dashboardId": client.application_dashboards.post(**key, dashboard=body)["id"]}

    fine = client.dashboard.validate_context(**one, ctx={"limit": 7, "free": "x"})

    assert fine["success"] is True
    assert fine["ctx"]["device"] == {
        "id": device,
        "name": "Pump",
        "tags": {"site": ["north"]},
        "attributes": {"t": {"dataType": "number", "tags": {"unit": "C"}}},
    }
    assert (fine["ctx"]["limit"], fine["ctx"]["free"], fine["ctx"]["plain"]) == (7, "x", other)
    assert fine["dashboard"] == {"id": one["dashboardId"], "name": "D", "duration": 60_000}
    for name, value in (
        ("device", other),
        ("device", "x"),
        ("limit", 10),
        ("limit", "many"),
        ("limit", "nan"),
        ("word", "abd"),
        ("word", 5),
        ("field", "u"),
        ("tag", {"key": "site", "value": "south"}),
        ("person", "nobody@x.test"),
    ):
        with pytest.raises(LosantError) as error:
            client.dashboard.validate_context(**one, ctx={name: value})
        assert error.value.data["invalidCtxName"] == name
        assert error.value.data["type"] == "Validation"
    refused(400, "", client.dashboard.validate_context, **one, ctx={"a b": 1})
    refused(400, "", client.dashboard.validate_context, **one, ctx={"word": ["x"]})


def test_a_dashboard_looks_into_no_application_but_its_owners(vendor, stranger):
    device = vendor.client.devices.post(**vendor.key, device={"name": "Secret"})["id"]
    spy = variable("d", "deviceId", device, includeFullDevice=True)
    spy["applicationId"] = vendor.application
    board = stranger.dashboards.post(
        dashboard={"name": "Spy", "contextConfiguration": [spy], "public": True}
    )

    with pytest.raises(LosantError) as error:
        stranger.dashboard.validate_context(dashboardId=board["id"], ctx={})
    assert error.value.data["invalidCtxName"] == "d"
    assert "Secret" not in str(error.value.data)


def test_a_report_is_sent_by_a_job(vendor):
    client, key = vendor.client, vendor.key
    block = {"blockType": "gauge", "title": "Heat", "startX": 0, "startY": 0, "width": 1}
    body = {"name": "D", "blocks": [{**block, "height": 1}]}
    one = {"dashboardId": client.application_dashboards.post(**key, dashboard=body)["id"]}
    config = {"toEmail": ["a@x.test"], "subject": "News", "message": "See here"}

    queued = client.application_dashboard.send_report(**key, **one, reportConfig=config)

    assert queued["jobQueued"] is True
    log = until(
        lambda: client.application_job_logs.get(**key)["items"][0],
        lambda seen: seen["status"] == "completed",
    )
    letter = log["output"]["letter"]
    assert letter["subject"] == "News"
    assert "See here" in letter["text"]
    assert "Heat (gauge)" in letter["text"]
    assert (log["name"], log["resourceType"]) == ("DashboardReport", "dashboard")
    assert client.dashboard.send_report(**one, reportConfig=config)["jobQueued"] is True
    send = client.dashboard.send_report
    refused(400, "toEmail", send, **one, reportConfig={"subject": "x"})
    refused(400, "mail", send, **one, reportConfig={"toEmail": ["x\r\nBcc: b@x.test"]})
    refused(400, "allbackUrl", send, **one, reportConfig={"callbackUrl": "ftp://x"})
    other = client.applications.post(application={"name": "Other"})["id"]
    elsewhere = {"applicationId": other, **one, "reportConfig": config}
    refused(404, "not found", client.application_dashboard.send_report, **elsewhere)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": "x", "ownerId": NOBODY}, "ownerId"),
        ({"name": "x", "applicationId": "short"}, "applicationId"),
        ({"name": "x", "orgId": NOBODY, "applicationId": NOBODY}, "orgId"),
        ({"name": "x", "blocks": [{"blockType": "clock"}]}, "blocks"),
    ],
)
def test_a_broken_dashboard_is_refused(signed_in, body, named):
    refused(400, named, signed_in.dashboards.post, dashboard=body)


def test_a_dashboard_is_given_to_an_organization_as_it_is_and_back(signed_in):
    org_id = signed_in.orgs.post(organization={"name": "Works"})["orgId"]
    me = signed_in.me.get()["userId"]
    body = {"name": "Mine", "password": "open-sesame", "blocks": []}
    made = signed_in.dashboards.post(dashboard=body)
    one, give = {"dashboardId": made["id"]}, {"dashboardIds": [made["id"]], "strict": True}
    to_org = {**give, "destinationId": org_id, "destinationType": "organization"}
    to_me = {**give, "destinationId": me, "destinationType": "user"}

    refused(400, "dashboardIds", signed_in.org.transfer_resources, orgId=org_id, transfer=to_me)
    assert signed_in.me.transfer_resources(transfer=to_org) == {"success": True}

    moved = signed_in.dashboard.get(**one)
    assert (moved["ownerId"], moved["ownerType"]) == (org_id, "organization")
    assert (moved["name"], moved["isPasswordProtected"]) == ("Mine", True)
    assert signed_in.dashboards.get(orgId=org_id)["totalCount"] == 1
    refused(400, made["id"], signed_in.me.transfer_resources, transfer=to_org)
    signed_in.org.transfer_resources(orgId=org_id, transfer=to_me)
    assert signed_in.dashboard.get(**one)["ownerId"] == me
