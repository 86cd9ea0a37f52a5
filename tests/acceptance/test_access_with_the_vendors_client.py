"""Signing in, accounts, organisations, tokens and keys with the vendor's unmodified client."""

from __future__ import annotations

import asyncio

import pytest
from losant_rest import Client, LosantError

from examples.serving import EMAIL, serving
from tests.conftest import created
from tests.support.vendor import PASSWORD, signed_in


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url(request, tmp_path_factory):
    settings = {"roles": "api", "admin_password": PASSWORD, "log_level": "info"}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        settings["database"] = asyncio.run(created(server, "access_of_the_vendor"))
    log = tmp_path_factory.mktemp("log") / "log"
    with log.open("wb") as errors, serving(log=errors, **settings) as running:
        yield running.url
    assert "auth.authenticateUser" in log.read_text()
    assert PASSWORD not in log.read_text()


@pytest.fixture
def client(url):
    return signed_in(url)


@pytest.fixture
def application_id(client):
    return client.applications.post(application={"name": "Plant"})["applicationId"]


def test_bad_credentials_are_an_error_with_status_401(url):
    with pytest.raises(LosantError) as refused:
        Client(url=url).auth.authenticate_user(
            credentials={"email": EMAIL, "password": "not-that-one"}
        )

    assert refused.value.status == 401
    assert refused.value.data["type"] == "Unauthorized"


def test_a_login_without_single_sign_on_is_told_by_an_empty_answer(url):
    assert Client(url=url).auth.sso_domain(email=EMAIL) == ""


def test_the_calling_user_reads_and_changes_themselves(client):
    me = client.me.get(includeRecent=False)

    assert (me["email"], me["emailVerified"], me["_type"]) == (EMAIL, True, "me")
    assert me["summary"]["orgCount"] >= 1
    changed = client.me.patch(user={"firstName": "Ada", "lastName": "Lovelace"})
    assert changed["fullName"] == "Ada Lovelace"
    fresh = client.me.refresh_token()
    assert Client(auth_token=fresh["token"], url=client.url).me.get()["userId"] == me["userId"]


def test_api_tokens_of_an_application_are_made_used_switched_off_and_deleted(
    client, application_id
):
    made = client.application_api_tokens.post(
        applicationId=application_id,
        apiToken={"name": "reader", "scope": ["all.Application.read"]},
    )
    key = {"applicationId": application_id, "apiTokenId": made["apiTokenId"]}
    holder = Client(auth_token=made["token"], url=client.url)

    assert holder.application.get(applicationId=application_id)["name"] == "Plant"
    with pytest.raises(LosantError) as forbidden:
        holder.devices.post(applicationId=application_id, device={"name": "d"})
    assert forbidden.value.status == 403
    listed = client.application_api_tokens.get(applicationId=application_id)
    assert [each["apiTokenId"] for each in listed["items"]] == [made["apiTokenId"]]
    assert "token" not in client.application_api_token.get(**key)
    client.application_api_token.patch(**key, apiToken={"status": "inactive"})
    with pytest.raises(LosantError) as revoked:
        holder.application.get(applicationId=application_id)
    assert revoked.value.status == 401
    assert revoked.value.data["message"] == "Invalid access token"
    assert client.application_api_token.delete(**key) == {"success": True}


def test_api_tokens_of_the_user_are_made_listed_changed_and_deleted(client):
    made = client.user_api_tokens.post(apiToken={"name": "laptop"})
    key = {"apiTokenId": made["apiTokenId"]}

    assert made["ownerType"] == "user"
    assert Client(auth_token=made["token"], url=client.url).me.get()["email"] == EMAIL
    assert client.user_api_token.get(**key)["name"] == "laptop"
    assert client.user_api_token.patch(**key, apiToken={"name": "desk"})["name"] == "desk"
    listed = client.user_api_tokens.get(filterField="name", filter="d*k")
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    assert client.user_api_token.delete(**key) == {"success": True}


def test_a_device_signs_in_with_an_access_key(client, application_id):
    device_id = client.devices.post(applicationId=application_id, device={"name": "pump"})["id"]
    made = client.application_keys.post(
        applicationId=application_id, applicationKey={"name": "field", "deviceIds": [device_id]}
    )
    credentials = {"deviceId": device_id, "key": made["key"], "secret": made["secret"]}

    signed = Client(url=client.url).auth.authenticate_device(credentials=credentials)

    device = Client(auth_token=signed["token"], url=client.url)
    shown = device.device.get(applicationId=application_id, deviceId=device_id)
    assert shown["name"] == "pump"
    key = {"applicationId": application_id, "applicationKeyId": made["applicationKeyId"]}
    assert "secret" not in client.application_key.get(**key)
    client.application_key.patch(**key, applicationKey={"status": "inactive"})
    with pytest.raises(LosantError):
        device.device.get(applicationId=application_id, deviceId=device_id)
    client.application_key.delete(**key)
    assert client.application_keys.get(applicationId=application_id)["count"] == 0


def test_an_organisation_invites_changes_and_removes_a_member(client):
    org = client.orgs.post(organization={"name": "Works"})
    key = {"orgId": org["orgId"]}

    assert client.org.patch(**key, organization={"description": "x"})["description"] == "x"
    invites = client.org.invite_member(
        **key, invite={"email": "who@example.com", "role": "collaborate"}
    )
    assert client.org.pending_invites(**key) == invites
    assert client.org.revoke_invite(**key, inviteId=invites[0]["id"]) == []
    assert client.orgs.get(filterField="name", filter="work*")["items"][0]["id"] == org["id"]
    with pytest.raises(LosantError) as refused:
        client.org.remove_member(**key, userId=org["members"][0]["userId"])
    assert refused.value.data["type"] == "Conflict"
    assert client.org.delete(**key) == {"success": True}
