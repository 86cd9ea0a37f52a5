"""Application templates read and applied by the vendor's client, on both stores."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from losant_rest import Client, LosantError

from drover.app.transfer import sources
from tests.support.catalog_server import user
from tests.support.vendor import Vendor

ABSENT = "5f" * 12
_ID = re.compile(r"[0-9a-f]{24}")


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


@pytest.fixture
def theirs(resource_server):
    return Client(auth_token="theirs", url=resource_server.url)


@pytest.fixture
def administrator(resource_server):
    caller = user("7f" * 12)
    resource_server.gate.callers["admin"] = type(caller)(
        type="user",
        id=caller.id,
        user_id=caller.id,
        scopes=caller.scopes,
        is_administrator=True,
    )
    return Client(auth_token="admin", url=resource_server.url)


def ask(vendor, method, path="", who="mine", **body):
    headers = {"Authorization": f"Bearer {who}"}
    where = f"{vendor.url}/applicationTemplates{path}"
    return httpx.request(method, where, headers=headers, json=body or None, timeout=60)


def template(vendor, **told):
    body = {"name": "Pumps", "applicationId": vendor.application, **told}
    answer = ask(vendor, "POST", **body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def device(vendor, name="Pump"):
    return vendor.client.devices.post(**vendor.key, device={"name": name})["id"]


def empty(client, name="Elsewhere"):
    return client.applications.post(application={"name": name})["id"]


def names(client, application):
    found = client.devices.get(applicationId=application)
    return [each["name"] for each in found["items"]]


def refused(call):
    with pytest.raises(LosantError) as error:
        call()
    return error.value.args


def test_a_template_is_made_of_an_application_and_applied_to_another(vendor):
    device(vendor)
    vendor.client.application.readme_patch(**vendor.key, readme={"content": "# Pumps"})
    made = template(
        vendor, description="Wet", keywords=["water", "gps"], includeDevices=True, authorName="Ann"
    )
    elsewhere = empty(vendor.client)

    got = vendor.client.application_template.get(templateId=made["id"])
    applied = vendor.client.application.apply_template(
        applicationId=elsewhere, options={"templateId": made["id"].upper()}
    )

    assert got["templateId"] == got["id"] == made["id"]
    assert got["_type"] == "applicationTemplate"
    assert got["_links"]["self"]["href"] == f"/applicationTemplates/{made['id']}"
    assert (got["readme"], got["description"], got["public"]) == ("# Pumps", "Wet", False)
    assert got["summary"]["deviceCount"] == 1
    assert "applicationId" not in got
    assert _ID.fullmatch(got["ownerId"])
    assert applied["id"] == elsewhere
    assert applied["appliedTemplateIds"] == [made["id"]]
    assert names(vendor.client, elsewhere) == ["Pump"]


def test_a_template_keeps_what_the_application_was(vendor):
    old = device(vendor)
    made = template(vendor, includeDevices=True)
    vendor.client.device.delete(**vendor.key, deviceId=old)
    vendor.client.application.delete(**vendor.key)
    elsewhere = empty(vendor.client)
    apply = {"applicationId": elsewhere, "options": {"templateId": made["id"]}}

    vendor.client.application.apply_template(**apply)
    twice = vendor.client.application.apply_template(**apply)

    assert names(vendor.client, elsewhere) == ["Pump", "Pump"]
    assert twice["appliedTemplateIds"] == [made["id"]]


def test_devices_rows_and_files_are_left_out_unless_asked_for(vendor):
    device(vendor)
    elsewhere = empty(vendor.client)

    made = template(vendor)
    vendor.client.application.apply_template(
        applicationId=elsewhere, options={"templateId": made["id"]}
    )

    assert names(vendor.client, elsewhere) == []
    assert "deviceCount" not in made["summary"]


def test_a_new_application_begins_with_a_template(vendor):
    device(vendor)
    made = template(vendor, includeDevices=True)

    begun = vendor.client.applications.post(
        application={
            "name": "New",
            "description": "Mine",
            "applicationTemplateId": made["id"],
            "globals": [{"key": "k", "json": "1"}],
        }
    )

    assert (begun["name"], begun["description"]) == ("New", "Mine")
    assert begun["appliedTemplateIds"] == [made["id"]]
    assert [each["key"] for each in begun["globals"]] == ["k"]
    assert names(vendor.client, begun["id"]) == ["Pump"]


def test_templates_are_listed_by_keyword_category_and_name(vendor):
    categories = vendor.client.application_templates.get_categories()
    energy = next(each for each in categories["items"] if each["name"] == "Energy")
    mark = vendor.application
    one = template(vendor, name=f"{mark} one", keywords=[mark, "x"], categoryIds=[energy["id"]])
    two = template(vendor, name=f"{mark} two", keywords=[mark], authorName="Ann")

    def found(**asked):
        listed = vendor.client.application_templates.get(**asked)
        assert listed["count"] == len(listed["items"]) == listed["totalCount"]
        return [each["id"] for each in listed["items"]]

    assert found(keywords=[mark]) == [one["id"], two["id"]]
    assert found(keywords=[mark], sortField="name", sortDirection="desc") == [two["id"], one["id"]]
    assert found(keywords=[mark, "x"]) == [one["id"]]
    assert found(keywords=[mark], categoryId=energy["id"]) == [one["id"]]
    assert found(filterField="name", filter=f"{mark} t*") == [two["id"]]
    assert found(keywords=[mark], filterField="authorName", filter="ann") == [two["id"]]
    assert found(keywords=["none like it"]) == []
    assert mark in vendor.client.application_templates.get_unique_keywords()["keywords"]


def test_categories_are_a_tree(vendor):
    everything = vendor.client.application_templates.get_categories()
    energy = next(each for each in everything["items"] if each["name"] == "Energy")

    below = vendor.client.application_templates.get_categories(baseId=energy["parentId"])

    assert below["baseId"] == energy["parentId"]
    assert {each["parentId"] for each in below["items"]} == {energy["parentId"]}
    assert 0 < below["count"] < everything["count"]


def test_another_tenants_template_looks_like_a_missing_one_until_it_is_public(vendor, theirs):
    made = template(vendor, keywords=[vendor.application])
    own = empty(theirs)

    def apply(template_id):
        return lambda: theirs.application.apply_template(
            applicationId=own, options={"templateId": template_id}
        )

    def begin(template_id):
        body = {"name": "N", "applicationTemplateId": template_id}
        return lambda: theirs.applications.post(application=body)

    def listed():
        return theirs.application_templates.get(keywords=[vendor.application])["totalCount"]

    for of in (apply, begin, lambda each: lambda: theirs.application_template.get(templateId=each)):
        assert refused(of(made["id"])) == refused(of(ABSENT))
        assert refused(of(made["id"]))[0] == 404
    assert listed() == 0
    assert vendor.application not in theirs.application_templates.get_unique_keywords()["keywords"]
    for method in ("PATCH", "DELETE"):
        assert ask(vendor, method, f"/{made['id']}", "theirs", name="x").status_code == 404

    assert ask(vendor, "PATCH", f"/{made['id']}", public=True).status_code == 200

    assert listed() == 1
    assert apply(made["id"])()["appliedTemplateIds"] == [made["id"]]
    for method in ("PATCH", "DELETE"):
        assert ask(vendor, method, f"/{made['id']}", "theirs", name="x").status_code == 403


def test_another_tenants_application_makes_no_template(vendor, theirs):
    foreign = empty(theirs, "Theirs")

    seen = ask(vendor, "POST", name="x", applicationId=foreign)
    absent = ask(vendor, "POST", name="x", applicationId=ABSENT)

    assert seen.status_code == absent.status_code == 404
    assert seen.json()["message"] == absent.json()["message"]


def test_owners_and_administrators_change_and_delete_a_template(
    vendor, administrator, resource_server
):
    made = template(vendor, keywords=["old"])
    path = f"/{made['id']}"

    mine = ask(vendor, "PATCH", path, keywords=["new"]).json()
    administered = ask(vendor, "PATCH", path, "admin", name="Renamed").json()
    deleted = ask(vendor, "DELETE", path, "admin")

    assert (mine["keywords"], mine["name"]) == (["new"], "Pumps")
    assert (administered["keywords"], administered["name"]) == (["new"], "Renamed")
    assert mine["lastUpdated"] >= made["lastUpdated"]
    assert deleted.json() == {"success": True}
    gone = refused(lambda: administrator.application_template.get(templateId=made["id"]))
    assert gone[0] == 404
    assert sources.template_key(made["id"]) not in resource_server.blobs.objects


def test_a_template_whose_file_is_gone_is_refused_and_leaves_nothing(vendor, resource_server):
    made = template(vendor)
    elsewhere = empty(vendor.client)
    resource_server.blobs.objects.pop(sources.template_key(made["id"]))

    applied = refused(
        lambda: vendor.client.application.apply_template(
            applicationId=elsewhere, options={"templateId": made["id"]}
        )
    )

    assert applied[0] == 404
    assert "bundle" in applied[1]["message"]
    assert "appliedTemplateIds" not in vendor.client.application.get(applicationId=elsewhere)
    assert ask(vendor, "DELETE", f"/{made['id']}").status_code == 200


def test_a_template_whose_file_is_broken_is_refused(vendor, resource_server):
    made = template(vendor)
    resource_server.blobs.objects[sources.template_key(made["id"])] = b"no zip"

    applied = vendor.raw("PATCH", "/applyTemplate", json={"templateId": made["id"]})

    assert applied.status_code == 422, applied.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"name": "x", "applicationId": "nope"},
        {"name": ""},
        {"keywords": ["no spaces"]},
        {"keywords": ["k"] * 101},
        {"categoryIds": [ABSENT]},
        {"categoryIds": ["nope"]},
        {"imageUrl": "javascript:alert(1)"},
        {"ownerId": ABSENT},
        {"summary": {}},
        {"unknown": 1},
    ],
)
def test_templates_that_mean_nothing_are_refused(vendor, body):
    own = {"name": "x", "applicationId": vendor.application}
    whole = body if not body or "name" in body else {**own, **body}

    assert ask(vendor, "POST", **whole).status_code == 400


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nope", 400),
        (f"/{ABSENT}", 404),
        ("?categoryId=nope", 400),
        ("?sortField=ownerId", 400),
        ("?filterField=ownerId&filter=x", 400),
        ("?keywords[a]=x", 400),
        ("?keywords=%00", 400),
        ("?keywords=%ED%A0%80", 200),
        ("?keywords=" + ",".join(map(str, range(101))), 400),
        ("/categories?baseId=nope", 400),
    ],
)
def test_broken_ids_and_parameters_are_refused(vendor, path, code):
    assert ask(vendor, "GET", path).status_code == code


@pytest.mark.parametrize(
    "options", [{}, {"templateId": "nope"}, {"templateId": ABSENT, "unknown": 1}]
)
def test_a_template_is_not_applied_by_options_that_mean_nothing(vendor, options):
    answer = vendor.raw("PATCH", "/applyTemplate", content=json.dumps(options))

    assert answer.status_code == 400, answer.text
