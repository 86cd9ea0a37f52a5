"""Applications exported, imported and cloned by the vendor's client, on both stores."""

from __future__ import annotations

import io
import json
import re
import zipfile

import httpx
import pytest
from losant_rest import LosantError

import drover.kinds
from drover.app.transfer import layout
from drover.discover import discover
from drover.model.kind import Kind
from tests.support.certificates import certificate
from tests.support.vendor import Vendor, node, trigger

_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")
EVERYTHING = {
    "includeDevices": True,
    "includeDataTableRows": True,
    "includeFiles": True,
    "includePrivateFiles": True,
}
COLUMNS = (
    ("serial", "string", "unique"),
    ("weight", "number", "optional"),
    ("ok", "boolean", "optional"),
)


AUTHORITY = certificate("authority")
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


def fetched(vendor, url):
    """Fetch a signed address without a token, from where the server under test really is."""
    answer = httpx.get(url.replace("http://drover.test", vendor.url))
    assert answer.status_code == 200, answer.text
    return answer.content


def bundle_of(vendor, application=None, **wish):
    key = {"applicationId": application or vendor.application}
    return fetched(vendor, vendor.client.application.export(**key, options=wish)["url"])


def files_of(bundle):
    with zipfile.ZipFile(io.BytesIO(bundle)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def bring(vendor, bundle, application=None, *, filename="bundle.zip", **options):
    where = f"{vendor.url}/applications/{application or vendor.application}/import"
    return httpx.post(
        where,
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={
            "importBundle": (filename, bundle, "application/octet-stream"),
            "options": (None, json.dumps(options)),
        },
        timeout=60,
    )


def empty(vendor, name="Elsewhere"):
    return vendor.client.applications.post(application={"name": name})["id"]


def furnish(vendor):
    """Put something of every kind into the application, with references both ways."""
    client, key = vendor.client, vendor.key
    site = client.devices.post(**key, device={"name": "Site", "deviceClass": "gateway"})["id"]
    client.devices.post(
        **key,
        device={
            "name": "Pump",
            "parentId": site,
            "tags": [{"key": "line", "value": "7"}, {"key": "site", "value": site}],
            "attributes": [{"name": "flow", "dataType": "number", "description": "l/s\nor so"}],
        },
    )
    table = vendor.table(*COLUMNS)
    rows = [
        {"serial": "a\nb", "weight": 1.5, "ok": True},
        {"serial": "", "weight": None, "ok": False},
        {"serial": f"at {site}", "weight": 12, "ok": None},
    ]
    client.data_table_rows.post(**table, dataTableRow=rows)
    job = {
        "name": "Weigh",
        "resourceType": "dataTableRow",
        "dataTableId": table["dataTableId"],
        "queryJson": json.dumps({"serial": {"$ne": site}}),
    }
    job_id = client.resource_jobs.post(**key, resourceJob=job)["id"]
    flow = vendor.flow(
        [trigger("resourceJobIteration", job_id, "n")],
        node(
            "n",
            "RawFunctionNode",
            scope="payload",
            script=f"payload.site = '{site}';\nreturn payload;",
        ),
    )
    version = client.flow_versions.post(**flow, flowVersion={"version": "v1"})["id"]
    client.flow.patch(**flow, flow={"defaultVersionId": version})
    user = client.experience_users.post(
        **key, experienceUser={"email": "Ann@example.com", "password": "long enough"}
    )["id"]
    above = client.experience_groups.post(**key, experienceGroup={"name": "All"})["id"]
    client.experience_groups.post(
        **key,
        experienceGroup={
            "name": "Crew",
            "parentId": above,
            "experienceUserIds": [user],
            "deviceIds": [site],
        },
    )
    client.webhooks.post(**key, webhook={"name": "In here", "responseCode": 204})
    furnish_more(vendor, site)
    vendor.raw("PATCH", "/globals", json=[{"key": "site", "json": json.dumps(site)}])
    vendor.raw("PATCH", "/readme", json={"content": "# Plant\n"})
    return site


def furnish_more(vendor, site):
    """Put in what the application shows, and what it talks to."""
    client, key = vendor.client, vendor.key
    client.device_recipes.post(**key, deviceRecipe={"name": "Pumps", "parentId": site})
    client.integrations.post(
        **key,
        integration={
            "name": "Broker",
            "integrationType": "mqtt",
            "topics": ["a/b"],
            "mqttConfig": {"protocol": "mqtt", "host": "broker.example.com", "port": 1883},
        },
    )
    layout = client.experience_views.post(
        **key, experienceView={"name": "Frame", "viewType": "layout", "body": "{{page}}\n"}
    )["id"]
    client.experience_views.post(
        **key,
        experienceView={
            "name": "Home page",
            "viewType": "page",
            "layoutId": layout,
            "body": "<h1>\n  {{name}}\n</h1>\n",
        },
    )
    client.experience_endpoints.post(
        **key, experienceEndpoint={"method": "get", "route": "/home/{id}"}
    )
    block = {
        "blockType": "gauge",
        "startX": 0,
        "startY": 0,
        "width": 2,
        "height": 2,
        "applicationId": vendor.application,
        "config": {"deviceIds": [site]},
    }
    vendor.raw("POST", "/dashboards", json={"name": "Over all", "blocks": [block]})
    furnish_files(vendor)
    furnish_site(vendor)


NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
NAMES_ELSEWHERE = ("experience/slugs.yaml", "experience/domains.yaml")
"""What an application on the same server cannot have too."""


def furnish_site(vendor):
    """Put in versions of the interface with names to answer at, credentials, and a notebook's file."""
    client, key = vendor.client, vendor.key
    client.experience_version.patch(
        **key,
        experienceVersionIdOrName="develop",
        experienceVersion={"responseHeaders": {"X-Plant": "north"}},
    )
    slug = client.experience_slugs.post(**key, experienceSlug={"slug": f"s{vendor.application}"})[
        "id"
    ]
    name = f"d{vendor.application}.example.com"  # not an id, which an import would rename
    client.experience_domains.post(**key, experienceDomain={"domainName": name})
    client.experience_versions.post(
        **key, experienceVersion={"version": "v1.0", "slugIds": [slug], "description": "First"}
    )
    cloud = {"accessKeyId": "A" * 20, "secretAccessKey": "very secret", "region": "eu-north-1"}
    for credential in (
        {"name": "Cloud", "type": "aws", "awsConfig": cloud},
        {"name": "Mail", "type": "sendgrid", "sendgridConfig": {"apiKey": "very secret"}},
    ):
        client.credentials.post(**key, credential=credential)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("application.yaml", "name: x\n")
        file.writestr("notebooks/a.yaml", "name: Sums\njupyterFileName: sums.ipynb\n")
        file.writestr("notebooks/a.ipynb", NOTEBOOK)
    assert bring(vendor, made.getvalue()).status_code == 200


def furnish_files(vendor):
    """Put in files of both kinds, and an authority."""
    client, key = vendor.client, vendor.key
    entry = {
        "name": "a.txt",
        "type": "file",
        "parentDirectory": "/deep",
        "contentType": "text/plain",
    }
    public = client.files.post(**key, file=entry)["id"]
    private = client.private_files.post(**key, privateFile=entry)["id"]
    for path in (f"/file/{public}/upload", f"/privateFiles/{private}/upload"):
        part = "file" if "/file/" in path else "privateFile"
        sent = vendor.raw("POST", path, files={part: ("a.txt", b"content")})
        assert sent.status_code == 200, sent.text
    client.application_certificate_authorities.post(
        **key, applicationCertificateAuthority={"name": "Ours", "caBundle": AUTHORITY}
    )


def without_ids(files, application):
    """Return files with each id as its place among all ids, in their order."""
    own = {name: text.replace(application, "app") for name, text in files.items()}
    found = sorted({each for text in own.values() for each in _ID.findall(text)})
    places = {each: f"id{place}" for place, each in enumerate(found)}
    return {name: _ID.sub(lambda m: places[m[0]], text) for name, text in own.items()}


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


@pytest.mark.parametrize(
    ("conflict", "names"),
    [
        ("create", ["Old", "Old"]),
        ("retain", ["Old"]),
        ("replace", ["Old"]),
    ],
)
def test_a_resource_that_is_there_already_is_doubled_kept_or_replaced(vendor, conflict, names):
    made = vendor.client.webhooks.post(**vendor.key, webhook={"name": "Old", "responseCode": 204})
    bundle = bundle_of(vendor)
    key = {**vendor.key, "webhookId": made["id"]}
    vendor.client.webhook.patch(**key, webhook={"responseCode": 299})

    answer = bring(vendor, bundle, conflictBehavior=conflict)

    assert answer.status_code == 200, answer.text
    found = vendor.client.webhooks.get(**vendor.key)["items"]
    assert [each["name"] for each in found] == names
    kept = vendor.client.webhook.get(**key)
    assert kept["responseCode"] == (204 if conflict == "replace" else 299)
    assert kept["token"] == made["token"]


def test_a_conflict_that_is_an_error_names_each_resource_and_changes_nothing(vendor):
    site = furnish(vendor)
    bundle = bundle_of(vendor, **EVERYTHING)

    answer = bring(vendor, bundle, conflictBehavior="error")

    assert answer.status_code == 422
    refused = answer.json()
    assert refused["type"] == "Validation"
    assert {"type", "name", "id", "message"} == set(refused["validationErrors"][0])
    assert site in {each["id"] for each in refused["validationErrors"]}
    assert vendor.client.devices.get(**vendor.key)["totalCount"] == 2


def test_a_dry_run_changes_nothing_and_tells_what_it_would_have_done(vendor):
    furnish(vendor)
    other = empty(vendor)

    answer = bring(vendor, bundle_of(vendor, **EVERYTHING), other, dryRun=True)

    assert answer.status_code == 200, answer.text
    key = {"applicationId": other}
    assert vendor.client.devices.get(**key)["totalCount"] == 0
    assert vendor.client.data_tables.get(**key)["totalCount"] == 0
    (log,) = vendor.client.application.import_logs(**key)
    assert log["dryRun"]
    assert log["dryRunResults"]["limitErrors"] == []
    told = json.loads(fetched(vendor, log["dryRunResults"]["url"]))
    assert told["created"]["device"] == 2
    assert told["rows"] == 3


def test_only_what_is_included_is_brought_in(vendor):
    furnish(vendor)
    other = empty(vendor)

    bring(vendor, bundle_of(vendor, **EVERYTHING), other, include=["Device", "DataTable"])

    key = {"applicationId": other}
    table = vendor.client.data_tables.get(**key)["items"][0]["id"]
    assert vendor.client.devices.get(**key)["totalCount"] == 2
    assert vendor.client.flows.get(**key)["totalCount"] == 0
    assert vendor.client.data_table_rows.get(**key, dataTableId=table)["totalCount"] == 0
    assert vendor.client.application.get(**key)["globals"] == []


def test_versions_of_the_interface_are_chosen_by_their_published_names(vendor):
    furnish(vendor)
    bundle = bundle_of(vendor)
    other, another = empty(vendor), empty(vendor)

    bring(vendor, bundle, other, include=["ExperienceDevelopConfig"])
    bring(vendor, bundle, another, include=["ExperienceVersion", "ExperienceFlowVersion"])

    def versions(application):
        found = vendor.client.experience_versions.get(applicationId=application)["items"]
        return [each["version"] for each in found]

    assert (versions(other), versions(another)) == (["develop"], ["v1.0"])
    answer = vendor.client.experience_version.get(
        applicationId=other, experienceVersionIdOrName="develop"
    )
    assert answer["responseHeaders"] == {"X-Plant": "north"}


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


def test_names_that_only_one_may_have_stay_where_they_are(vendor):
    furnish(vendor)
    other = empty(vendor)
    bundle = bundle_of(vendor)

    assert bring(vendor, bundle, other).status_code == 200

    assert vendor.client.experience_slugs.get(applicationId=other)["totalCount"] == 0


def test_bringing_a_bundle_in_twice_doubles_all_but_what_there_is_one_of(vendor):
    furnish(vendor)
    bundle = bundle_of(vendor)

    answer = bring(vendor, bundle)

    assert answer.status_code == 200, answer.text
    assert vendor.client.flows.get(**vendor.key)["totalCount"] == 2
    assert vendor.client.credentials.get(**vendor.key)["totalCount"] == 2
    assert vendor.client.experience_slugs.get(**vendor.key)["totalCount"] == 1


def test_an_import_may_come_from_another_application(vendor):
    furnish(vendor)
    other = empty(vendor)

    answer = httpx.post(
        f"{vendor.url}/applications/{other}/import",
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={"options": (None, json.dumps({"fromApplicationId": vendor.application}))},
        timeout=60,
    )

    assert answer.status_code == 200, answer.text
    assert vendor.client.devices.get(applicationId=other)["totalCount"] == 2
    (log,) = vendor.client.application.import_logs(applicationId=other)
    assert log["importSourceType"] == "fromApplication"
    assert log["fromApplicationId"] == vendor.application
    assert log["status"] == "completed"
    assert log["importExecutionId"] == log["id"]


def test_a_clone_is_a_new_application_whose_workflows_sleep(vendor):
    furnish(vendor)

    made = vendor.client.application.clone(**vendor.key, options={"includeDevices": True})[
        "application"
    ]

    assert made["_type"] == "application"
    assert made["name"] == "Copy of Plant"
    key = {"applicationId": made["id"]}
    assert vendor.client.devices.get(**key)["totalCount"] == 2
    (flow,) = vendor.client.flows.get(**key)["items"]
    assert flow["enabled"] is False
    assert vendor.client.application.readme(**key)["content"] == "# Plant\n"


def test_a_dry_run_of_a_clone_makes_no_application(vendor):
    before = vendor.client.applications.get()["totalCount"]

    answer = vendor.client.application.clone(**vendor.key, options={"dryRun": True})

    assert answer == {"success": True, "requiresJob": False}
    assert vendor.client.applications.get()["totalCount"] == before


def test_a_clone_for_somebody_else_is_refused(vendor):
    with pytest.raises(LosantError) as refused:
        vendor.client.application.clone(
            **vendor.key, options={"ownerId": "9" * 24, "ownerType": "organization"}
        )

    assert refused.value.args[0] == 403


def become(vendor, bundle, **form):
    """Make a new application of a bundle, with these fields of the form."""
    return httpx.post(
        f"{vendor.url}/applications/import",
        headers={"Authorization": f"Bearer {vendor.client.auth_token}"},
        files={"importBundle": ("b.zip", bundle)},
        data=form,
        timeout=60,
    )


def test_a_form_says_what_a_new_application_is_to_be_without(vendor):
    furnish(vendor)

    answer = become(
        vendor,
        bundle_of(vendor, **EVERYTHING),
        includeDevices="false",
        includeDataTableRows="False",
        includeFiles="0",
    )

    assert answer.status_code == 201, answer.text
    key = {"applicationId": answer.json()["application"]["id"]}
    assert vendor.client.devices.get(**key)["totalCount"] == 0
    assert vendor.client.files.get(**key)["totalCount"] == 0
    (table,) = vendor.client.data_tables.get(**key)["items"]
    rows = vendor.client.data_table_rows.get(**key, dataTableId=table["id"])
    assert rows["totalCount"] == 0
    assert vendor.client.webhooks.get(**key)["totalCount"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"includeDevices": "maybe"},
        {"ownerId": "nobody"},
        {"ownerType": "device"},
        {"options": '{"include": ["Flow", "Flow"]}'},
        {"options": '{"conflictBehavior": "retain"}'},
        {"options": "[]"},
        {"email": "no address"},
    ],
)
def test_a_form_that_means_nothing_is_refused_and_makes_no_application(vendor, form):
    before = vendor.client.applications.get()["totalCount"]

    answer = become(vendor, bundle_of(vendor), **form)

    assert answer.status_code == 400, answer.text
    assert vendor.client.applications.get()["totalCount"] == before


def test_a_bundle_becomes_a_new_application(vendor):
    furnish(vendor)

    answer = become(vendor, bundle_of(vendor, **EVERYTHING))

    assert answer.status_code == 201, answer.text
    made = answer.json()["application"]
    assert made["name"] == "Plant"
    assert vendor.client.devices.get(applicationId=made["id"])["totalCount"] == 2
