"""Servers killed (SIGKILL) in the middle of long tasks: the next one finishes what was begun."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import signal
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pyarrow.parquet
import pytest

from examples.serving import serving
from tests.acceptance.test_bundles_as_jobs import (
    QUICK,
    WHOLE,
    bundle_with,
    ended,
    send,
    signed_in,
)
from tests.conftest import created
from tests.support.vendor import until

DEVICES = 5000
DAY_MS = 86_400_000


class Place:
    """Servers that follow each other on one store and one folder."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        # Each form of archives on one of the databases: how they are restarted is the same code.
        self.form = "csv" if database else "parquet"
        self.settings = {**QUICK, "database": database, "archive_format": self.form}

    @contextmanager
    def server(self):
        with serving(str(self.folder), **self.settings) as running:
            self.running = running
            yield signed_in(running.url)

    def kill(self) -> None:
        os.kill(self.running.process.pid, signal.SIGKILL)
        self.running.process.wait(60)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path) -> Place:
    if request.param == "sqlite":
        return Place(tmp_path, "")
    server = request.getfixturevalue("postgres_server")
    return Place(tmp_path, asyncio.run(created(server, f"killed_{uuid4().hex}")))


def begun(client, application, job):
    until(
        lambda: client.application_job_log.get(applicationId=application, jobId=job),
        lambda log: log["status"] != "queued",
    )


def test_an_import_is_there_as_a_whole_or_not_at_all(place):
    with place.server() as client:
        here = client.applications.post(application={"name": "Killed"})["id"]
        job = send(client, here, bundle_with(DEVICES), forceJob=True).json()["jobId"]
        begun(client, here, job)
        assert client.devices.get(applicationId=here)["totalCount"] in (0, DEVICES)
        place.kill()

    with place.server() as client:
        log = ended(client, here, job)

        assert log["status"] == "completed", log
        assert client.devices.get(applicationId=here)["totalCount"] == DEVICES


def test_an_export_is_made_by_the_next_server(place):
    with place.server() as client:
        here = client.applications.post(application={"name": "Killed"})["id"]
        made = send(client, here, bundle_with(2000), forceJob=True).json()["jobId"]
        assert ended(client, here, made)["status"] == "completed"
        wish = {**WHOLE, "forceJob": True}
        job = client.application.export(applicationId=here, options=wish)["jobId"]
        place.kill()

    with place.server() as client:
        log = ended(client, here, job)

        assert log["status"] == "completed", log
        (url,) = log["output"]["downloadUrls"]
        content = httpx.get(f"{client.url}/downloads{url.partition('/downloads')[2]}").content
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            assert file.read("devices.yaml").count(b"- id:") == 2000


def test_a_deletion_goes_on_to_the_last_file(place):
    blobs = place.folder / "blobs"
    with place.server() as client:
        here = client.applications.post(application={"name": "Killed"})["id"]
        key = {"applicationId": here}
        for many in (client.files, client.private_files):
            name = "file" if many is client.files else "privateFile"
            entry = {"name": "a.txt", "type": "file", "parentDirectory": "/"}
            form = many.post(**key, **{name: entry})["upload"]
            sent = httpx.post(form["url"], data=form["fields"], files={"file": b"content"})
            assert sent.status_code == 204
        made = send(client, here, bundle_with(DEVICES), forceJob=True).json()["jobId"]
        assert ended(client, here, made)["status"] == "completed"
        assert len(contents(blobs, here)) == 2

        client.application.delete(**key)
        place.kill()

    with place.server() as client:
        until(lambda: contents(blobs, here), lambda found: found == [])
        assert httpx.get(f"{client.url}/applications/{here}").status_code == 401
        again = client.applications.post(application={"name": "Another"})["id"]
        assert client.devices.get(applicationId=again)["totalCount"] == 0


def contents(blobs: Path, application: str) -> list[Path]:
    return [each for each in blobs.rglob(f"files/{application}/**/*") if each.is_file()]


def test_an_archive_goes_on_and_none_of_its_files_is_half_there(place):
    then = int(time.time() * 1000) - 2 * DAY_MS
    with place.server() as client:
        here = client.applications.post(application={"name": "Killed"})["id"]
        key = {"applicationId": here}
        attributes = [{"name": "t", "dataType": "number"}]
        bodies = [{"name": f"d{at}", "attributes": attributes} for at in range(60)]
        made = [client.devices.post(**key, device=each)["id"] for each in bodies]
        for device in made:
            state = [{"time": then + at, "data": {"t": at}} for at in range(20)]
            client.device.send_state(**key, deviceId=device, deviceState=state)
        config = {"mode": "all", "delayDays": 1}
        client.application.patch(**key, application={"archiveConfig": config})
        job = client.application.archive_data(**key, date=then)["jobId"]
        until(lambda: archived(place.folder), bool)
        place.kill()

    with place.server() as client:
        log = ended(client, here, job)

        assert log["status"] == "completed", log
        assert (log["output"]["files"], log["output"]["points"]) == (60, 1200)
        files = archived(place.folder)
        assert len(files) == 60
        for file in files:
            assert rows_of(file) == 20


def archived(folder: Path) -> list[Path]:
    return [each for each in (folder / "archives").rglob("*-*") if each.is_file()]


def rows_of(file: Path) -> int:
    if file.suffix == ".parquet":
        return pyarrow.parquet.read_table(file).num_rows
    return len(gzip.decompress(file.read_bytes()).splitlines()) - 1
