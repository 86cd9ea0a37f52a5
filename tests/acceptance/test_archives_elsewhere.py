"""Archives in a bucket of S3 and exports to a repository, by the vendor's client."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from losant_rest import Client
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from examples.serving import serving
from tests.support.vendor import PASSWORD, Vendor, refused, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import boto3

pytestmark = pytest.mark.processes_measured

DAY_MS = 86_400_000
PATIENCE_S = 120
KEY = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "some-secret"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a service that speaks S3."""
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def bucket_of(s3: str) -> boto3.client:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="eu-west-1",
        aws_access_key_id=KEY["accessKeyId"],
        aws_secret_access_key=KEY["secretAccessKey"],
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("repositories")
    subprocess.run(["git", "init", "--quiet", "--bare", f"{folder}/plant.git"], check=True)
    return folder


@pytest.fixture(scope="module")
def signed(s3: str, repository: Path) -> Iterator[Client]:
    quick = {"heartbeat_seconds": 0.25, "sweep_seconds": 0.25}
    lean = {"workers": 1, "script_workers": 1, "admin_password": PASSWORD}
    places = {"archive_s3_endpoint": s3, "repositories": str(repository)}
    with serving(**quick, **lean, **places) as running:
        yield signed_in(running.url)


@pytest.fixture
def world(signed: Client) -> Vendor:
    made = signed.applications.post(application={"name": "Plant"})
    return Vendor(signed, signed.url, made["id"])


def ended(world: Vendor, job_id: str) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    log: dict[str, Any] = {}
    while time.monotonic() < until:
        log = world.client.application_job_log.get(**world.key, jobId=job_id)
        if log["status"] not in ("queued", "inProgress"):
            return log
        time.sleep(0.1)
    raise AssertionError(f"it did not end: {log}")


def reported(world: Vendor) -> int:
    """Have a device report two days ago, and return when."""
    attributes = [{"name": "t", "dataType": "number"}]
    device = world.client.devices.post(**world.key, device={"name": "P", "attributes": attributes})
    then = int(time.time() * 1000) - 2 * DAY_MS
    world.client.device.send_state(
        **world.key, deviceId=device["id"], deviceState={"time": then, "data": {"t": 1}}
    )
    return then


def archived(world: Vendor, then: int, **config: Any) -> dict[str, Any]:
    """Archive a day and return what became of it."""
    whole = {"delayDays": 1, "mode": "all", **config}
    world.client.application.patch(**world.key, application={"archiveConfig": whole})
    return ended(world, world.client.application.archive_data(**world.key, date=then)["jobId"])


def test_a_day_is_archived_to_a_bucket_by_a_key_and_by_a_credential(world, s3):
    bucket = bucket_of(s3)
    bucket.create_bucket(
        Bucket="plant", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    then = reported(world)

    by_key = archived(
        world, then, directory="key", s3={"bucket": "plant", "region": "eu-west-1", **KEY}
    )
    config = {**KEY, "region": "eu-west-1"}
    world.client.credentials.post(
        **world.key, credential={"name": "Bucket", "type": "aws", "awsConfig": config}
    )
    by_name = archived(
        world, then, directory="name", credentialName="Bucket", s3={"bucket": "plant"}
    )

    assert (by_key["status"], by_name["status"]) == ("completed", "completed")
    assert by_key["output"]["points"] == by_name["output"]["points"] == 1
    found = bucket.list_objects_v2(Bucket="plant")["Contents"]
    keys = sorted(each["Key"] for each in found)
    assert [key.split("/")[0] for key in keys] == ["key", "name"]
    body = bucket.get_object(Bucket="plant", Key=keys[0])["Body"].read()
    assert gzip.decompress(body).decode().splitlines()[0] == '"ID","Timestamp","ISO Date","t"'


def test_a_bucket_that_is_not_there_fails_the_job_with_its_reason_and_can_be_mended(world, s3):
    then = reported(world)
    given = {"bucket": "absent", "region": "eu-west-1", **KEY}

    failed = archived(world, then, s3=given)
    bucket_of(s3).create_bucket(
        Bucket="absent", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    again = ended(world, world.client.application.archive_data(**world.key, date=then)["jobId"])

    assert failed["status"] == "errored"
    assert "bucket or folder was not found" in failed["error"]["message"]
    assert KEY["secretAccessKey"] not in str(failed)
    assert again["status"] == "completed"


def test_a_credential_that_is_not_there_is_refused(world):
    config = {"delayDays": 1, "credentialName": "None", "s3": {"bucket": "plant"}}
    world.client.application.patch(**world.key, application={"archiveConfig": config})

    then = int(time.time() * 1000) - 2 * DAY_MS
    refused(
        400, "no enabled credential", world.client.application.archive_data, **world.key, date=then
    )


def repository_of(world: Vendor, repository: Path, **config: Any) -> None:
    whole = {"type": "http-password", "cloneUrl": f"file://{repository}/plant.git", **config}
    world.client.credentials.post(
        **world.key, credential={"name": "Repository", "type": "git", "gitConfig": whole}
    )


def in_repository(repository: Path, branch: str, *command: str) -> str:
    run = ["git", "-C", str(repository / "plant.git"), *command, branch]
    done = subprocess.run(run, check=True, capture_output=True, text=True, env=os.environ)
    return done.stdout


def test_an_application_is_exported_to_a_repository(world, repository):
    repository_of(world, repository, committerName="Ann", committerEmail="ann@example.com")
    world.client.flows.post(**world.key, flow={"name": "Watch"})
    options = {
        "exportType": "repo",
        "credentialName": "Repository",
        "repo": {"branch": "exports", "directory": "plants/one", "commitMessage": "Nightly"},
    }

    first = ended(
        world, world.client.application.export(**world.key, options=options)["jobId"]
    )["output"]  # fmt: skip
    again = ended(
        world, world.client.application.export(**world.key, options=options)["jobId"]
    )["output"]  # fmt: skip

    assert first["repoUrl"] == f"file://{repository}/plant.git"
    assert (first["noChanges"], again["noChanges"]) == (False, True)
    assert again["commit"] == first["commit"]
    names = in_repository(repository, "exports", "ls-tree", "-r", "--name-only").split()
    assert "plants/one/application.yaml" in names
    assert "plants/one/workflows/Watch.yaml" in names
    assert in_repository(repository, "exports", "log", "--format=%an %ae %s") == (
        "Ann ann@example.com Nightly\n"
    )


def brought_from(world: Vendor, **repo: str) -> dict[str, Any]:
    """Have a repository brought in and return what became of it."""
    options = {"credentialName": "Repository", "repo": repo}
    answer = world.raw("POST", "/import", files={"options": (None, json.dumps(options))})
    assert answer.status_code == 202, answer.text
    return ended(world, answer.json()["jobId"])


def test_an_application_is_imported_from_a_repository(world, repository):
    repository_of(world, repository)
    world.client.flows.post(**world.key, flow={"name": "Watch"})
    place = {"branch": "imports", "directory": "plants/two"}
    options = {"exportType": "repo", "credentialName": "Repository", "repo": place}
    ended(world, world.client.application.export(**world.key, options=options)["jobId"])
    other = Vendor(
        world.client, world.url, world.client.applications.post(application={"name": "B"})["id"]
    )
    repository_of(other, repository)

    log = brought_from(other, **place)
    missing = brought_from(other, branch="nowhere")
    astray = brought_from(other, branch="imports", directory="../..")

    assert log["status"] == "completed", log
    assert [each["name"] for each in other.client.flows.get(**other.key)["items"]] == ["Watch"]
    assert other.client.credentials.get(**other.key)["totalCount"] == 1
    assert (missing["status"], astray["status"]) == ("errored", "errored")
    assert "no branch nowhere" in missing["error"]["message"]
    third, second, first = other.client.application.import_logs(**other.key, limit=3)
    assert first["importSourceType"] == "repository"
    assert (first["credentialName"], first["repo"]) == ("Repository", place)
    assert (second["status"], third["status"]) == ("errored", "errored")
    unknown = {"credentialName": "Nobody"}
    answer = other.raw("POST", "/import", files={"options": (None, json.dumps(unknown))})
    assert answer.status_code in (400, 422)


def test_an_archive_pushes_the_application_when_it_is_told_to(world, repository):
    repository_of(world, repository)
    then = reported(world)
    options = {"credentialName": "Repository", "repo": {"branch": "archived"}}

    log = archived(world, then, includeApplicationExport=True, applicationExportOptions=options)

    assert log["status"] == "completed"
    assert log["output"]["applicationExport"]["noChanges"] is False
    assert "application.yaml" in in_repository(repository, "archived", "ls-tree", "--name-only")


def test_exports_to_repositories_that_cannot_be_are_refused(world, repository):
    export = world.client.application.export
    options = {"exportType": "repo"}
    refused(400, "credential", export, **world.key, options=options)
    refused(400, "credential", export, **world.key, options={**options, "credentialName": "x"})
    repository_of(world, repository, cloneUrl="file:///etc")
    named = {**options, "credentialName": "Repository"}

    log = ended(world, export(**world.key, options=named)["jobId"])

    assert log["status"] == "errored"
    assert "repository" in log["error"]["message"]
    for branch in ("--force", "a..b"):
        named["repo"] = {"branch": branch}
        assert ended(world, export(**world.key, options=named)["jobId"])["status"] == "errored"
