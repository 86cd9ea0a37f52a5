"""Applications exported and imported again by the vendor's client, on both stores."""

from __future__ import annotations

import io
import zipfile

import httpx
import pytest

import drover.kinds
from drover.app.transfer import layout
from drover.discover import discover
from drover.model.kind import Kind
from tests.support.bundle_world import (
    EVERYTHING,
    NAMES_ELSEWHERE,
    NOTEBOOK,
    bring,
    bundle_of,
    empty,
    files_of,
    furnish,
    without_ids,
)
from tests.support.vendor import Vendor

LEFT_OUT = {
    "application": "it is what the bundle is of",
    "applicationApiToken": "a secret",
    "applicationCertificate": "made for one device's key",
    "applicationKey": "a secret",
    "applicationTemplate": "belongs to an owner, not to an application",
    "dashboard": "belongs to an owner, not to an application",
    "event": "what happened, not what is set up",
}
"""Kinds that no bundle holds, and why; every other one is in the round trip."""


@pytest.fixture
def vendor(losant, resource_server, plant):
    return Vendor(losant, resource_server.url, plant)


def test_an_export_imported_and_exported_again_is_the_same_but_for_ids(vendor):
    furnish(vendor)
    first = bundle_of(vendor, **EVERYTHING)
    other = empty(vendor, "Plant")

    answer = bring(vendor, first, other)

    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == other
    one, two = files_of(first), files_of(bundle_of(vendor, other, **EVERYTHING))
    for name in NAMES_ELSEWHERE:
        one.pop(name)
    assert sorted(one) == sorted(two)
    assert without_ids(one, vendor.application) == without_ids(two, other)


def test_what_is_set_of_the_application_itself_is_kept_unless_it_is_replaced(vendor):
    client = vendor.client
    settings = {"description": "Pumps", "endpointDefaultCors": True, "blobUrlTTL": 7200}
    client.application.patch(**vendor.key, application=settings)
    client.application.readme_patch(**vendor.key, readme={"content": "# Ours\n"})
    bundle = bundle_of(vendor)
    key = {"applicationId": empty(vendor)}
    client.application.patch(**key, application={"description": "Theirs"})

    bring(vendor, bundle, key["applicationId"])
    merged = client.application.get(**key)
    bring(vendor, bundle, key["applicationId"], conflictBehavior="replace")
    replaced = client.application.get(**key)

    assert {**settings, "description": "Theirs"}.items() <= merged.items()
    assert settings.items() <= replaced.items()
    assert (merged["name"], replaced["name"]) == ("Elsewhere", "Elsewhere")
    assert client.application.readme(**key)["content"] == "# Ours\n"


def test_a_bundle_holds_no_references_to_what_was_deleted(vendor):
    client, key = vendor.client, vendor.key
    gateway = client.devices.post(**key, device={"name": "g", "deviceClass": "gateway"})["id"]
    peripheral = {"name": "p", "deviceClass": "peripheral", "gatewayId": gateway}
    client.devices.post(**key, device=peripheral)
    client.device_recipes.post(**key, deviceRecipe={"name": "r", "parentId": gateway})
    groups = [
        client.experience_groups.post(**key, experienceGroup={"name": name})["id"]
        for name in ("gone", "stays")
    ]
    door = {"method": "get", "route": "/", "access": "group", "experienceGroupIds": groups}
    client.experience_endpoints.post(**key, experienceEndpoint=door)
    frame = client.experience_views.post(
        **key, experienceView={"name": "Frame", "viewType": "layout", "body": "{{page}}"}
    )["id"]
    page = {"name": "Page", "viewType": "page", "layoutId": frame, "body": "x"}
    client.experience_views.post(**key, experienceView=page)
    client.device.delete(**key, deviceId=gateway)
    client.experience_group.delete(**key, experienceGroupId=groups[0])
    client.experience_view.delete(**key, experienceViewId=frame)

    bundle = bundle_of(vendor, **EVERYTHING)
    answer = bring(vendor, bundle, other := empty(vendor))

    assert answer.status_code == 200, answer.text
    text = str(files_of(bundle))
    assert not [each for each in (gateway, groups[0], frame) if each in text]
    (found,) = client.experience_endpoints.get(applicationId=other)["items"]
    assert len(found["experienceGroupIds"]) == 1


def test_views_of_earlier_bundles_are_brought_in(vendor):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("application.yaml", "name: x\n")
        view = "name: Home\nviewType: page\nbody: <p>\n"
        file.writestr("experience/develop/views/Home.yaml", view)

    answer = bring(vendor, made.getvalue())

    assert answer.status_code == 200, answer.text
    (found,) = vendor.client.experience_views.get(**vendor.key)["items"]
    assert (found["name"], found["body"]) == ("Home", "<p>")


def test_the_round_trip_holds_every_kind_there_is(vendor):
    kinds = discover(drover.kinds, "KIND", Kind)
    furnish(vendor)

    names = files_of(bundle_of(vendor, **EVERYTHING))

    held = {each.one for each in layout.bundled(kinds) if layout.files_of(each, names)}
    assert held == {each.one for each in kinds} - LEFT_OUT.keys()
    assert {each.one for each in kinds} >= LEFT_OUT.keys()


def test_a_bundle_leaves_out_devices_and_rows_unless_asked_for(vendor):
    furnish(vendor)

    names = set(files_of(bundle_of(vendor)))

    assert names == {
        "README.md",
        "application.yaml",
        "certificateAuthorities.yaml",
        "credentials/Cloud.yaml",
        "credentials/Mail.yaml",
        "dashboards/Over_all.yaml",
        "dataTables/T.yaml",
        "deviceRecipes.yaml",
        "experience/develop/endpoints.yaml",
        "experience/develop/layouts.yaml",
        "experience/develop/layouts/Frame.hbs",
        "experience/develop/pages.yaml",
        "experience/develop/pages/Home_page.hbs",
        "experience/develop/version.yaml",
        "experience/domains.yaml",
        "experience/groups.yaml",
        "experience/slugs.yaml",
        "experience/users.yaml",
        "experience/v1.0/version.yaml",
        "integrations/Broker.yaml",
        "notebooks/Sums.ipynb",
        "notebooks/Sums.yaml",
        "resourceJobs/Weigh.yaml",
        "webhooks.yaml",
        "workflowVersions/v1.yaml",
        "workflows/Flow.yaml",
    }


def test_imported_references_follow_the_new_ids_wherever_they_stand(vendor):
    site = furnish(vendor)
    other = empty(vendor)

    bring(vendor, bundle_of(vendor, **EVERYTHING), other)

    key = {"applicationId": other}
    devices = {d["name"]: d for d in vendor.client.devices.get(**key)["items"]}
    assert devices["Site"]["id"] != site
    assert devices["Pump"]["parentId"] == devices["Site"]["id"]
    assert devices["Pump"]["ancestorIds"] == [devices["Site"]["id"]]
    assert devices["Pump"]["tags"][1]["value"] == devices["Site"]["id"]
    (flow,) = vendor.client.flows.get(**key)["items"]
    (job,) = vendor.client.resource_jobs.get(**key)["items"]
    (table,) = vendor.client.data_tables.get(**key)["items"]
    assert flow["triggers"][0]["key"] == job["id"]
    assert devices["Site"]["id"] in flow["nodes"][0]["config"]["script"]
    assert flow["defaultVersionId"]
    assert job["dataTableId"] == table["id"]
    assert devices["Site"]["id"] in job["queryJson"]
    found = vendor.client.data_table_rows.get(**key, dataTableId=table["id"])["items"]
    assert [(r["serial"], r["weight"], r["ok"]) for r in found] == [
        ("a\nb", 1.5, True),
        ("", None, False),
        (f"at {devices['Site']['id']}", 12, None),
    ]


def test_a_file_without_a_name_is_a_bundle_all_the_same(vendor):
    bundle = bundle_of(vendor)
    boundary = "b0undary"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="importBundle"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + bundle
        + f"\r\n--{boundary}--\r\n".encode()
    )

    answer = httpx.post(
        f"{vendor.url}/applications/{vendor.application}/import",
        content=body,
        headers={
            "Authorization": f"Bearer {vendor.client.auth_token}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
        timeout=60,
    )

    assert answer.status_code == 200, answer.text


def test_what_views_consist_of_can_be_edited_in_the_files_beside_their_lists(vendor):
    made = {("page", "A b"): "one", ("page", "A_b"): "two", ("component", "A b"): "three"}
    for (of_type, name), body in made.items():
        view = {"viewType": of_type, "name": name, "body": body}
        vendor.client.experience_views.post(**vendor.key, experienceView=view)
    files = files_of(bundle_of(vendor))
    folder = "experience/develop"
    bodies = {name: text for name, text in files.items() if name.endswith(".hbs")}
    assert bodies == {
        f"{folder}/components/A_b.hbs": "three",
        f"{folder}/pages/A_b.hbs": "one",
        f"{folder}/pages/A_b_2.hbs": "two",
    }

    files[f"{folder}/pages/A_b_2.hbs"] = "changed"
    files[f"{folder}/components.yaml"] += "- {name: New, viewType: component, body: inline}\n"
    edited = io.BytesIO()
    with zipfile.ZipFile(edited, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    answer = bring(vendor, edited.getvalue(), other := empty(vendor))

    assert answer.status_code == 200, answer.text
    found = vendor.client.experience_views.get(applicationId=other)["items"]
    assert {(each["viewType"], each["name"]): each["body"] for each in found} == {
        **made,
        ("page", "A_b"): "changed",
        ("component", "New"): "inline",
    }


def test_a_version_shows_the_views_that_it_was_made_of(vendor):
    furnish(vendor)
    other = empty(vendor)

    bring(vendor, bundle_of(vendor), other)

    views = vendor.client.experience_views.get(applicationId=other, version="v1.0")["items"]
    assert sorted(each["name"] for each in views) == ["Frame", "Home page"]
    assert {each["applicationId"] for each in views} == {other}


def test_credentials_arrive_without_their_secrets_and_the_log_says_which(vendor):
    furnish(vendor)
    other = empty(vendor)
    key = {"applicationId": other}
    bundle = bundle_of(vendor)

    bring(vendor, bundle, other)

    assert "very secret" not in str(files_of(bundle))
    found = {each["name"]: each for each in vendor.client.credentials.get(**key)["items"]}
    assert found["Cloud"]["awsConfig"] == {"accessKeyId": "A" * 20, "region": "eu-north-1"}
    (log,) = vendor.client.application.import_logs(**key)
    assert log["credentialsWithoutSecret"] == ["Cloud", "Mail"]
    filled = vendor.client.credential.patch(
        **key,
        credentialId=found["Cloud"]["id"],
        credential={"awsConfig": {"secretAccessKey": "another one"}},
    )
    assert filled["awsConfig"]["region"] == "eu-north-1"


def test_a_notebook_brings_its_file(vendor):
    furnish(vendor)
    other = empty(vendor)

    bring(vendor, bundle_of(vendor), other)

    (notebook,) = vendor.client.notebooks.get(applicationId=other)["items"]
    assert notebook["jupyterFileName"] == "sums.ipynb"
    assert files_of(bundle_of(vendor, other))["notebooks/Sums.ipynb"] == NOTEBOOK.decode()
