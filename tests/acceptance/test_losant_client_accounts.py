"""Accounts, organisations and tokens: every operation and answer, by the vendor's client."""

from __future__ import annotations

import time
from uuid import uuid4

import httpx
import pytest
from losant_rest import Client, LosantError

from drover.model.one_time_codes import STEP_MS, code_at
from examples.serving import EMAIL
from tests.support.vendor import PASSWORD, refused, signed_in, sound


@pytest.fixture
def colleague(vendor):
    """A second user, signed in."""
    email = f"{uuid4().hex}@example.com"
    headers = {"Authorization": f"Bearer {vendor.client.auth_token}"}
    body = {"email": email, "password": "Sesame-open-1", "role": "user"}
    made = httpx.post(f"{vendor.url}/admin/users", json=body, headers=headers)
    assert made.status_code == 201
    return signed_in(vendor.url, email, "Sesame-open-1")


def test_the_command_lines_way_of_signing_in_is_accepted(vendor):
    credentials = {
        "email": EMAIL,
        "password": PASSWORD,
        "twoFactorCode": "",
        "requestedScopes": ["all.User.cli"],
        "tokenTTL": 0,
    }
    signed = Client(url=vendor.url).auth.authenticate_user(credentials=credentials)
    narrow = Client(auth_token=signed["token"], url=vendor.url)

    assert narrow.application.get(**vendor.key)["name"] == "Works"
    refused(403, "", narrow.devices.get, **vendor.key)


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({"password": "long enough"}, "email"),
        ({"email": EMAIL}, "password"),
        ({"email": EMAIL, "password": "seven77"}, "password"),
        ({"email": EMAIL, "password": PASSWORD, "tokenTTL": -1}, "tokenTTL"),
        ({"email": EMAIL, "password": PASSWORD, "zz": 1}, "zz"),
    ],
)
def test_credentials_of_the_wrong_shape_are_refused_by_name(vendor, credentials, field):
    sign_in = Client(url=vendor.url).auth.authenticate_user

    refused(400, field, sign_in, credentials=credentials)


def test_users_read_and_change_themselves_and_their_password(colleague):
    me = sound(colleague.me.get(includeRecent=True, summaryInclude="appCount"))
    assert me["_etag"]
    assert me["userId"] == me["id"]
    assert colleague.me.patch(user={"firstName": "Ada"})["firstName"] == "Ada"
    assert colleague.me.invites() == []
    signed = colleague.me.change_password(
        data={"password": "Sesame-open-1", "newPassword": "Sesame-shut-22"}
    )
    changed = Client(auth_token=signed["token"], url=colleague.url)
    assert changed.me.refresh_token()["userId"] == me["id"]
    with pytest.raises(LosantError):
        colleague.me.get()


def test_an_organisation_lives_with_its_members_and_names_its_applications(vendor, colleague):
    client = vendor.client
    own = sound(client.orgs.post(organization={"name": "Works", "description": "x"}), "orgId")
    key = {"orgId": own["id"]}

    sound(client.org.get(**key, summaryInclude="appCount"), "orgId")
    sound(client.org.patch(**key, organization={"name": "Works two"}), "orgId")
    email = colleague.me.get()["email"]
    (invite,) = client.org.invite_member(**key, invite={"email": email, "role": "edit"})
    seen = colleague.me.invite(inviteId=invite["id"])
    assert (seen["orgName"], seen["role"], seen["_type"]) == ("Works two", "edit", "orgInviteUser")
    assert [each["id"] for each in colleague.me.invites()] == [invite["id"]]
    answered = colleague.me.respond_to_invite(inviteId=invite["id"], response={"action": "accept"})
    assert answered["orgId"] == own["id"]
    user_id = colleague.me.get()["userId"]
    changed = client.org.modify_member(**key, member={"userId": user_id, "role": "collaborate"})
    assert {each["userId"]: each["role"] for each in changed["members"]}[user_id] == "collaborate"

    made = sound(
        client.applications.post(application={"name": "Owned", "orgId": own["id"]}),
        "applicationId",
    )
    names = {each["organizationName"] for each in client.applications.get(orgId=own["id"])["items"]}
    read = colleague.application.get(applicationId=made["id"])

    assert (made["organizationName"], made["ownerType"]) == ("Works two", "organization")
    assert (read["organizationName"], names) == ("Works two", {"Works two"})
    client.application.delete(applicationId=made["id"])
    left = client.org.remove_member(**key, userId=user_id)
    assert user_id not in {each["userId"] for each in left["members"]}
    assert client.org.delete(**key) == {"success": True}


def test_tokens_show_their_text_once_and_end_at_once(vendor):
    client = vendor.client
    made = sound(client.user_api_tokens.post(apiToken={"name": "desk"}), "apiTokenId")
    key = {"apiTokenId": made["id"]}
    holder = Client(auth_token=made["token"], url=vendor.url)

    assert holder.me.get()["email"] == EMAIL
    assert "token" not in sound(client.user_api_token.get(**key), "apiTokenId")
    client.user_api_token.patch(**key, apiToken={"status": "inactive"})
    refused(401, "Invalid access token", holder.me.get)
    client.user_api_token.patch(**key, apiToken={"status": "active"})
    assert holder.me.get()["email"] == EMAIL
    assert client.user_api_token.delete(**key) == {"success": True}
    refused(401, "Invalid access token", holder.me.get)
    refused(404, "", client.user_api_token.get, **key)


def test_a_read_token_reads_and_does_not_write(vendor):
    reader = vendor.as_token("all.Application.read")
    (device_id,) = vendor.devices(1)
    one = {**vendor.key, "deviceId": device_id}

    assert reader.devices.get(**vendor.key)["count"] == 1
    assert reader.device.get(**one)["id"] == device_id
    assert reader.application.readme(**vendor.key)["_type"] == "applicationReadme"
    for call, given in (
        (reader.devices.post, {**vendor.key, "device": {"name": "n"}}),
        (reader.device.patch, {**one, "device": {"name": "n"}}),
        (reader.device.delete, one),
        (reader.application.patch, {**vendor.key, "application": {"name": "n"}}),
        (reader.application.globals, {**vendor.key, "globals": []}),
        (reader.events.delete, {**vendor.key, "query": {}}),
        (reader.device.send_state, {**one, "deviceState": {"data": {}}}),
    ):
        refused(403, "", call, **given)


@pytest.mark.parametrize(
    ("scope", "allowed", "forbidden"),
    [
        ("devices.*", ["devices.get"], ["device.get", "events.get"]),
        ("device.get", ["device.get"], ["devices.get", "device.patch"]),
        ("application.get", ["application.get", "application.readme"], ["devices.get"]),
        ("application.patch", ["application.globals"], ["application.readme"]),
    ],
)
def test_singular_and_plural_families_open_nothing_of_each_other(vendor, scope, allowed, forbidden):
    (device_id,) = vendor.devices(1)
    holder = vendor.as_token(scope)
    more = {
        "device.get": {"deviceId": device_id},
        "device.patch": {"deviceId": device_id, "device": {"name": "n"}},
        "application.globals": {"globals": []},
    }

    def call(name):
        family, verb = name.split(".")
        getattr(getattr(holder, family), verb)(**vendor.key, **more.get(name, {}))

    for name in allowed:
        call(name)
    for name in forbidden:
        with pytest.raises(LosantError) as error:
            call(name)
        assert error.value.status == 403


def test_scope_and_expiry_of_a_token_never_change(vendor):
    made = vendor.client.application_api_tokens.post(**vendor.key, apiToken={"name": "t"})
    assert made["scope"] == ["all.Application"]
    patch = vendor.client.application_api_token.patch
    for name, value in (("scope", ["all.Application"]), ("expirationDate", "2040-01-01")):
        refused(400, name, patch, **vendor.key, apiTokenId=made["id"], apiToken={name: value})


def test_a_second_factor_is_enabled_asked_for_and_disabled(vendor, colleague):
    me = colleague.me
    email = me.get()["email"]
    offered = me.generate_two_factor_auth()
    step = time.time_ns() // 1_000_000 // STEP_MS
    codes = [code_at(offered["key"], each) for each in (step, step + 1)]
    proof = {"password": "Sesame-open-1", "twoFactorCode": codes[0]}

    enabled = sound(
        me.enable_two_factor_auth(
            data={**proof, "twoFactorAuthKey": offered["key"]}, summaryInclude="orgCount"
        )
    )
    assert (enabled["twoFactorAuthEnabled"], enabled["summary"]) == (True, {"orgCount": 0})
    sign_in = Client(url=vendor.url).auth.authenticate_user
    credentials = {"email": email, "password": "Sesame-open-1"}
    refused(401, "code", sign_in, credentials=credentials)
    refused(401, "code", sign_in, credentials={**credentials, "twoFactorCode": "12345"})
    refused(401, "code", me.disable_two_factor_auth, data=proof)
    disabled = me.disable_two_factor_auth(data={**proof, "twoFactorCode": codes[1]})
    assert disabled["twoFactorAuthEnabled"] is False
    assert sign_in(credentials=credentials)["userId"] == enabled["id"]


def test_what_was_looked_at_is_kept_with_the_account(vendor, colleague):
    me = colleague.me
    own = colleague.applications.post(application={"name": "Own"})["id"]
    flow = colleague.flows.post(applicationId=own, flow={"name": "f"})["id"]

    added = me.add_recent_item(data={"itemType": "application", "itemId": own})

    assert added == {"itemType": "application", "items": [{"id": own, "name": "Own"}]}
    inside = {"itemType": "flow", "parentId": own}
    me.add_recent_item(data={**inside, "itemId": flow})
    assert me.fetch_recent_items(**inside)["items"] == [{"id": flow, "name": "f"}]
    shown = me.get(includeRecent=True, summaryExclude="payloadCount")
    assert shown["recentApplications"] == added
    assert shown["summary"]["flowCount"] == 1
    refused(
        400,
        "itemId",
        me.add_recent_item,
        data={"itemType": "device", "parentId": own, "itemId": own},
    )


def test_applications_change_hands_and_an_account_goes(vendor, colleague):
    org = colleague.orgs.post(organization={"name": "Works"}, summaryInclude="memberCount")
    assert org["summary"] == {"memberCount": 1}
    own = colleague.applications.post(application={"name": "Own"})["id"]
    account = colleague.me.get()
    give = {"destinationType": "organization", "destinationId": org["id"], "applicationIds": [own]}
    back = {"destinationType": "user", "destinationId": account["id"], "applicationIds": [own]}

    assert colleague.me.transfer_resources(transfer=give) == {"success": True}
    assert colleague.application.get(applicationId=own)["ownerId"] == org["id"]
    refused(404, "", colleague.org.transfer_resources, orgId="ab" * 12, transfer=back)
    assert colleague.org.transfer_resources(orgId=org["id"], transfer=back) == {"success": True}
    assert colleague.application.get(applicationId=own)["ownerType"] == "user"
    assert colleague.me.disconnect_github()["id"] == account["id"]
    assert colleague.me.verify_email() == {"success": True}
    credentials = {"email": account["email"], "password": "Sesame-open-1"}
    refused(400, "owns applications", colleague.me.delete, credentials=credentials)
    colleague.application.delete(applicationId=own)
    colleague.org.delete(orgId=org["id"])
    assert colleague.me.delete(credentials=credentials) == {"success": True}
    refused(401, "Invalid access token", colleague.me.get)


def test_a_token_limited_to_a_role_can_do_no_more(vendor):
    made = vendor.client.user_api_tokens.post(apiToken={"name": "t", "defaultRole": "view"})
    viewer = Client(auth_token=made["token"], url=vendor.url)

    assert made["defaultRole"] == "view"
    assert viewer.application.get(**vendor.key)["name"] == "Works"
    refused(403, "role", viewer.devices.post, **vendor.key, device={"name": "d"})
