"""Recipes, dashboards, credentials, notebooks, interfaces, certificates: by the vendor's client."""

from __future__ import annotations

import csv
import io
from uuid import uuid4

import pytest

from tests.support.certificates import certificate
from tests.support.vendor import Vendor, refused, sound


@pytest.fixture
def vendor(resource_server, losant, plant) -> Vendor:
    """The vendor's client on a server in this process, with an application of its own."""
    return Vendor(losant, resource_server.url, plant)


AWS = {"accessKeyId": "A" * 16, "secretAccessKey": "hush-hush", "region": "eu"}
BLOCK = {"blockType": "gauge", "startX": 0, "startY": 0, "width": 2, "height": 1}
INPUT = {"inputType": "externalUrl", "fileName": "a.csv", "sourceUrl": "https://example.com"}
CASES = [
    ("deviceRecipe", "device_recipe", "device_recipes", {"name": "R"}, {"deviceName": "Pump"}),
    (
        "dashboard",
        "application_dashboard",
        "application_dashboards",
        {"name": "D"},
        {"public": True},
    ),
    (
        "integration",
        "integration",
        "integrations",
        {"name": "I", "integrationType": "mqtt"},
        {"topics": ["a/b"], "mqttConfig": {"protocol": "mqtts", "host": "h", "port": 8883}},
    ),
    (
        "credential",
        "credential",
        "credentials",
        {"name": "C", "type": "aws", "awsConfig": AWS},
        {"enabled": False},
    ),
    ("notebook", "notebook", "notebooks", {"name": "N", "inputs": [INPUT]}, {"description": "x"}),
    (
        "experienceView",
        "experience_view",
        "experience_views",
        {"name": "V", "viewType": "page"},
        {"body": "<b>{{x}}</b>", "headers": {"content-type": "text/html"}},
    ),
    (
        "experienceSlug",
        "experience_slug",
        "experience_slugs",
        {"slug": "s-1"},
        {"version": "develop"},
    ),
    (
        "experienceDomain",
        "experience_domain",
        "experience_domains",
        {"domainName": "a.example.com"},
        {"version": None},
    ),
    (
        "applicationCertificateAuthority",
        "application_certificate_authority",
        "application_certificate_authorities",
        {"name": "A", "caBundle": certificate()},
        {"status": "inactive"},
    ),
    (
        "applicationCertificate",
        "application_certificate",
        "application_certificates",
        {"certificate": certificate()},
        {"status": "inactive"},
    ),
]


@pytest.mark.parametrize(
    ("name", "one", "many", "body", "change"), CASES, ids=[c[0] for c in CASES]
)
def test_each_kind_is_created_read_changed_listed_and_deleted(
    vendor, name, one, many, body, change
):
    calls, plural = getattr(vendor.client, one), getattr(vendor.client, many)
    made = sound(plural.post(**vendor.key, **{name: body}), f"{name}Id")
    key = {**vendor.key, f"{name}Id": made["id"]}

    assert calls.get(**key) == made
    changed = calls.patch(**key, **{name: change})
    given = {k: v for k, v in change.items() if v is not None}
    assert {k: changed[k] for k in given} == given
    listed = plural.get(**vendor.key)
    assert (listed["items"], listed["totalCount"]) == ([changed], 1)
    refused(400, "zz", calls.patch, **key, **{name: {"zz": 1}})
    refused(404, "", calls.get, **{**key, f"{name}Id": "f" * 24})
    assert calls.delete(**key) == {"success": True}
    refused(404, "", calls.get, **key)


def test_a_name_that_is_made_to_show_no_version_has_none(vendor):
    client, key = vendor.client, vendor.key
    slug = {"slug": f"s-{uuid4().hex}", "version": None}
    domain = {"domainName": f"{uuid4().hex}.example.com", "version": None}

    made = [
        client.experience_slugs.post(**key, experienceSlug=slug),
        client.experience_domains.post(**key, experienceDomain=domain),
    ]

    assert not any("version" in each for each in made)


def test_the_secret_of_a_credential_is_kept_and_never_shown(vendor):
    many, one = vendor.client.credentials, vendor.client.credential
    made = many.post(**vendor.key, credential={"name": "c", "type": "aws", "awsConfig": AWS})
    key = {**vendor.key, "credentialId": made["id"]}

    assert made["awsConfig"] == {"accessKeyId": "A" * 16, "region": "eu"}
    changed = one.patch(**key, credential={"awsConfig": {"region": "us"}})
    assert changed["awsConfig"] == {"accessKeyId": "A" * 16, "region": "us"}
    for answer in (made, changed, one.get(**key), many.get(**vendor.key)):
        assert "hush-hush" not in str(answer)
    body = {"name": "d", "type": "aws", "awsConfig": {"accessKeyId": "A" * 16, "region": "eu"}}
    refused(400, "awsConfig.secretAccessKey", many.post, **vendor.key, credential=body)
    refused(400, "awsConfig", many.post, **vendor.key, credential={"name": "e", "type": "aws"})
    refused(400, "gcpConfig", one.patch, **key, credential={"gcpConfig": {"keyJson": "{}"}})
    refused(
        400, "exists", many.post, **vendor.key, credential={**body, "name": "c", "awsConfig": AWS}
    )


def test_the_server_makes_keys_for_credentials_and_shows_the_public_half(vendor):
    post = vendor.client.credentials.post
    git = {"type": "ssh-key", "cloneUrl": "git@example.com:a.git", "generatePrivateKey": True}
    snow = {"host": "h", "username": "u", "generatePrivateKey": True}

    made = post(**vendor.key, credential={"name": "g", "type": "git", "gitConfig": git})
    shown = post(
        **vendor.key, credential={"name": "s", "type": "snowflake", "snowflakeConfig": snow}
    )

    assert made["gitConfig"]["publicKey"].startswith("ssh-ed25519 ")
    assert set(made["gitConfig"]) == {"type", "cloneUrl", "publicKey"}
    assert set(shown["snowflakeConfig"]) == {"host", "username", "publicKey"}
    forged = {**snow, "publicKey": "mine"}
    body = {"name": "f", "type": "snowflake", "snowflakeConfig": forged}
    refused(400, "public key", post, **vendor.key, credential=body)


def test_a_dashboard_tells_that_it_has_a_password_and_not_which(vendor):
    body = {"name": "Board", "password": "open sesame", "blocks": [BLOCK]}
    made = vendor.client.application_dashboards.post(**vendor.key, dashboard=body)
    key = {**vendor.key, "dashboardId": made["id"]}

    assert made["isPasswordProtected"] is True
    assert "open sesame" not in str(made)
    changed = vendor.client.application_dashboard.patch(**key, dashboard={"password": None})
    assert changed["isPasswordProtected"] is False
    assert changed["blocks"] == [BLOCK]


def test_what_a_certificate_says_is_read_from_it(vendor):
    own = certificate("pump-9")
    made = vendor.client.application_certificates.post(
        **vendor.key, applicationCertificate={"certificate": own}
    )
    listed = vendor.client.application_certificates.get(
        **vendor.key, filterField="certificateInfo.commonName", filter="PUMP*"
    )

    assert made["certificateInfo"]["commonName"] == "pump-9"
    assert made["certificateInfo"]["notValidAfter"] == "2036-01-01T00:00:00.000Z"
    assert "certificate" not in made
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    post = vendor.client.application_certificates.post
    for bad in ("x" * 60, own + own):
        refused(400, "certificate", post, **vendor.key, applicationCertificate={"certificate": bad})


def test_a_version_shows_the_views_there_were_at_the_names_it_was_given(vendor):
    client, key = vendor.client, vendor.key
    view = client.experience_views.post(**key, experienceView={"name": "Home", "viewType": "page"})
    layout = {"name": "Frame", "viewType": "layout"}
    client.experience_views.post(**key, experienceView=layout)
    slug = client.experience_slugs.post(**key, experienceSlug={"slug": f"s-{uuid4().hex}"})
    body = {"version": "v1", "slugIds": [slug["id"]]}

    made = sound(
        client.experience_versions.post(**key, experienceVersion=body), "experienceVersionId"
    )
    client.experience_view.delete(**key, experienceViewId=view["id"])

    assert made["attachedSlugs"] == [{"id": slug["id"], "slug": slug["slug"]}]
    named = {**key, "experienceVersionIdOrName": "v1"}
    assert client.experience_version.get(**named) == made
    then = client.experience_views.get(**key, version="v1", viewType="page")
    assert [each["name"] for each in then["items"]] == ["Home"]
    assert [each["name"] for each in client.experience_views.get(**key)["items"]] == ["Frame"]
    for view_type, names in (("page", []), ("layout", ["Frame"]), ("component", [])):
        of_type = client.experience_views.get(**key, viewType=view_type, filterField="name")
        assert [each["name"] for each in of_type["items"]] == names
    shown = client.experience_view.get(**key, experienceViewId=view["id"], version="v1")
    assert shown["name"] == "Home"
    develop = {**key, "experienceVersionIdOrName": "develop"}
    fresh = {"sourceVersionIdOrName": "develop"}
    client.experience_version.patch(**named, experienceVersion=fresh)
    assert client.experience_views.get(**key, version="v1")["totalCount"] == 1
    cors = client.experience_version.patch(
        **develop, experienceVersion={"endpointDefaultCors": True}
    )
    assert (cors["version"], cors["endpointDefaultCors"]) == ("develop", True)
    assert client.experience_version.delete(**named) == {"success": True}
    assert "version" not in client.experience_slug.get(**key, experienceSlugId=slug["id"])
    refused(404, "", client.experience_version.get, **named)
    refused(404, "", client.experience_views.get, **key, version="v1")
    bad = {"slug": f"t-{uuid4().hex}", "version": "v1"}
    refused(400, "version", client.experience_slugs.post, **key, experienceSlug=bad)


def test_nobody_else_takes_a_slug_or_a_domain(vendor):
    client = vendor.client
    other = {"applicationId": client.applications.post(application={"name": "Other"})["id"]}
    slug, domain = f"s-{uuid4().hex}", f"{uuid4().hex}.EXAMPLE.com"
    client.experience_slugs.post(**vendor.key, experienceSlug={"slug": slug})
    client.experience_domains.post(**vendor.key, experienceDomain={"domainName": domain})

    refused(400, "exists", client.experience_slugs.post, **other, experienceSlug={"slug": slug})
    taken = {"domainName": domain.lower()}
    refused(400, "exists", client.experience_domains.post, **other, experienceDomain=taken)


def test_a_recipe_makes_a_device_for_each_row(vendor):
    client, key = vendor.client, vendor.key
    recipe = client.device_recipes.post(
        **key,
        deviceRecipe={
            "name": "Pumps",
            "deviceName": "Pump",
            "tags": [{"key": "site", "value": "north"}],
            "attributes": [{"name": "t", "dataType": "number"}],
            "deviceClass": "peripheral",
        },
        attributesAsObject=True,
    )
    one = {**key, "deviceRecipeId": recipe["id"]}
    (parent,) = vendor.devices(1)
    lines = f"name,floor,above\nP1,1,{parent}\n,2,\nP3,3,{'f' * 24}\n"

    made = client.device_recipe.bulk_create(
        **one,
        bulkInfo={
            "csv": lines,
            "nameColumn": "name",
            "parentIdColumn": "above",
        },
    )

    assert recipe["attributes"] == {"t": {"dataType": "number"}}
    assert (made["created"], made["failed"]) == (2, 1)
    first, second, third = csv.DictReader(io.StringIO(made["csvResult"]))
    assert "was not found" in third["error"]
    device = client.device.get(**key, deviceId=first["deviceId"], tagsAsObject=True)
    assert device["tags"] == {"site": ["north"], "floor": ["1"], "DeviceRecipe": [recipe["id"]]}
    assert (device["name"], device["parentId"]) == ("P1", parent)
    assert device["deviceClass"] == "peripheral"
    assert client.device.get(**key, deviceId=second["deviceId"])["name"] == "Pump"
    assert client.device_recipe.bulk_create(**one, bulkInfo={"count": 3})["created"] == 3
    many = client.device_recipe.bulk_create(**one, bulkInfo={"count": 751})
    assert (many["success"], many["jobQueued"]) == (True, True)
    log = client.application_job_log.get(**key, jobId=many["jobId"])
    assert (log["name"], log["resourceType"]) == ("DevicesCreate", "deviceRecipe")
    assert log["progress"] == {"completed": 0, "total": 751}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "csv or count"),
        ({"csv": ""}, "column"),
        ({"csv": "a,a\n1,2"}, "column"),
        ({"csv": "a,b\n1"}, "as many values"),
        ({"csv": 'a\n"1'}, "cannot be read"),
        ({"csv": "a\n1", "nameColumn": "b"}, "no column b"),
        ({"count": -1}, "count"),
        ({"count": 1, "zz": 1}, "zz"),
    ],
)
def test_rows_that_make_no_sense_make_no_device(vendor, body, said):
    recipe = vendor.client.device_recipes.post(**vendor.key, deviceRecipe={"name": "R"})
    one = {**vendor.key, "deviceRecipeId": recipe["id"]}

    refused(400, said, vendor.client.device_recipe.bulk_create, **one, bulkInfo=body)
    refused(
        413, "10000", vendor.client.device_recipe.bulk_create, **one, bulkInfo={"count": 10_001}
    )
    assert vendor.client.devices.get(**vendor.key)["totalCount"] == 0
