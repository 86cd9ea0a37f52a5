"""Exports and imports as jobs of a real server: asked for, watched, killed and gone on with."""

from __future__ import annotations

import io
import json
import zipfile

import httpx
import pytest

from examples.serving import serving
from tests.support.vendor import PASSWORD, signed_in, until

QUICK = {
    "admin_password": PASSWORD,
    "workers": 1,
    "script_workers": 1,
    "lease_seconds": 2,
    "heartbeat_seconds": 0.5,
    "sweep_seconds": 0.5,
}
ATTEMPTS = 10
WHOLE = {"includeDevices": True, "includeDataTableRows": True}


def ended(client, application, job):
    return until(
        lambda: client.application_job_log.get(applicationId=application, jobId=job),
        lambda log: log["status"] in ("completed", "errored", "failed"),
    )


def send(client, application, bundle, **options):
    return httpx.post(
        f"{client.url}/applications/{application}/import",
        headers={"Authorization": f"Bearer {client.auth_token}"},
        files={"importBundle": ("b.zip", bundle), "options": (None, json.dumps(options))},
        timeout=60,
    )


@pytest.fixture(scope="module")
def running():
    with serving(**{**QUICK, "lease_seconds": 30}) as server:
        yield server


def bundle_with(devices):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("application.yaml", "name: Fleet\n")
        file.writestr("devices.yaml", "".join(f"- name: d{number}\n" for number in range(devices)))
    return made.getvalue()


def test_jobs_export_import_and_clone_and_are_seen_in_the_logs_and_the_inventory(running):
    client = signed_in(running.url)
    one = client.applications.post(application={"name": "One"})["id"]
    two = client.applications.post(application={"name": "Two"})["id"]
    client.devices.post(applicationId=one, device={"name": "Pump"})

    asked = client.application.export(applicationId=one, options={**WHOLE, "forceJob": True})
    exported = ended(client, one, asked["jobId"])
    (url,) = exported["output"]["downloadUrls"]
    bundle = httpx.get(url).content
    told = send(client, two, bundle, forceJob=True)
    assert told.status_code == 202, told.text
    imported = ended(client, two, told.json()["jobId"])
    copied = client.application.clone(
        applicationId=one, options={"includeDevices": True, "forceJob": True}
    )
    cloned = ended(client, one, copied["jobId"])

    assert (asked["success"], asked["jobQueued"]) == (True, True)
    assert exported["name"] == "ExportApplication"
    assert imported["status"] == "completed", imported
    assert imported["output"]["applicationId"] == two
    assert [each["name"] for each in client.devices.get(applicationId=two)["items"]] == ["Pump"]
    (log,) = client.application.import_logs(applicationId=two)
    assert (log["status"], log["jobId"]) == ("completed", told.json()["jobId"])
    assert cloned["status"] == "completed", cloned
    new = cloned["output"]["applicationId"]
    assert [each["name"] for each in client.devices.get(applicationId=new)["items"]] == ["Pump"]


def test_a_refused_job_tells_why_and_leaves_nothing(running):
    client = signed_in(running.url)
    here = client.applications.post(application={"name": "Refused"})["id"]
    bundle = bundle_with(3)
    assert send(client, here, bundle).status_code == 200

    told = send(client, here, bundle, forceJob=True, conflictBehavior="error")

    log = ended(client, here, told.json()["jobId"])
    assert log["status"] == "errored"
    assert log["error"]["name"] == "Validation"
    (last,) = client.application.import_logs(applicationId=here)
    assert last["status"] == "errored"
    assert len(last["validationErrors"]) == 3
    assert log["output"]["validationErrors"] == last["validationErrors"]
    assert httpx.get(last["importedFileUrl"], timeout=60).content == bundle
    assert client.devices.get(applicationId=here)["totalCount"] == 3


def test_a_dry_run_of_a_clone_that_a_job_is_to_do_tells_of_the_job(running):
    client = signed_in(running.url)
    here = client.applications.post(application={"name": "Tried"})["id"]
    before = client.applications.get()["totalCount"]

    answer = client.application.clone(
        applicationId=here, options={"dryRun": True, "forceJob": True}
    )

    assert answer["jobQueued"] is True
    log = ended(client, here, answer["jobId"])
    assert (log["name"], log["status"]) == ("CloneApplication", "completed")
    assert client.applications.get()["totalCount"] == before


def test_an_owner_imports_one_bundle_at_a_time(running):
    client = signed_in(running.url)
    for _ in range(ATTEMPTS):
        here = client.applications.post(application={"name": "Busy"})["id"]
        told = send(client, here, bundle_with(4000), forceJob=True)

        refused = send(client, here, bundle_with(1))

        if refused.status_code != 200:  # else the first had ended when the second came
            break
        ended(client, here, told.json()["jobId"])

    assert refused.status_code == 429, refused.text
    assert refused.json()["type"] == "TooManyRequests"
    assert int(refused.headers["retry-after"]) > 0
    assert ended(client, here, told.json()["jobId"])["status"] == "completed"
    assert send(client, here, bundle_with(1)).status_code == 200


@pytest.mark.parametrize(
    ("name", "many", "one"),
    [("file", "files", "file"), ("privateFile", "private_files", "private_file")],
)
def test_files_go_along_with_their_content_and_directories(running, name, many, one):
    client = signed_in(running.url)
    here = client.applications.post(application={"name": f"With {many}"})["id"]
    there = client.applications.post(application={"name": f"For {many}"})["id"]
    entry = {
        "type": "file",
        "parentDirectory": "/a b/c",
        "name": "ä.txt",
        "contentType": "text/css",
    }
    made = getattr(client, many).post(applicationId=here, **{name: entry})
    fields = {k: (None, v) for k, v in made["upload"]["fields"].items() if k != "bucket"}
    httpx.post(made["upload"]["url"], files={**fields, "file": ("x", b"first")}, timeout=60)
    wish = {"includeFiles": True, "includePrivateFiles": True}
    bundle = httpx.get(client.application.export(applicationId=here, options=wish)["url"]).content

    first = send(client, there, bundle)
    twice = send(client, there, bundle)
    held = send(client, there, bundle, conflictBehavior="retain")
    again = send(client, there, bundle, conflictBehavior="replace")

    assert first.status_code == 200, first.text
    assert twice.status_code == 422, twice.text
    assert (held.status_code, again.status_code) == (200, 200), again.text
    found = getattr(client, many).get(applicationId=there, directory="/a b/c", type="file")["items"]
    assert [each["name"] for each in found] == ["ä.txt"]
    key = {"applicationId": there, f"{name}Id": found[0]["id"]}
    kept = getattr(client, one).get(**key)
    assert (kept["status"], kept["fileSize"], kept["contentType"]) == ("completed", 5, "text/css")
    assert httpx.get(kept["url"], timeout=60).content == b"first"


def test_a_large_template_is_applied_by_a_job(running):
    client = signed_in(running.url)
    one = client.applications.post(application={"name": "One"})["id"]
    two = client.applications.post(application={"name": "Two"})["id"]
    for _ in range(33):
        client.devices.post(applicationId=one, device={"name": "d", "description": "d" * 32_000})
    told = httpx.post(
        f"{client.url}/applicationTemplates",
        headers={"Authorization": f"Bearer {client.auth_token}"},
        json={"name": "Large", "applicationId": one, "includeDevices": True},
        timeout=60,
    )
    assert told.status_code == 201, told.text
    template = told.json()["id"]

    asked = client.application.apply_template(applicationId=two, options={"templateId": template})
    log = ended(client, two, asked["jobId"])

    assert (log["status"], log["name"]) == ("completed", "ApplyTemplate")
    assert log["output"]["applicationId"] == two
    assert client.devices.get(applicationId=two)["totalCount"] == 33
    assert client.application.get(applicationId=two)["appliedTemplateIds"] == [template]
