"""Archives in a container of Azure, as Azurite plays it, by the vendor's client; in Parquet.

Azurite is not among the tools that are installed for tests, for it is 365 MB: these run where
`npm install --global azurite` was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import re
import shutil
import signal
import subprocess
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet
import pytest

from examples.serving import serving
from tests.support.vendor import PASSWORD, Vendor, signed_in, until

if TYPE_CHECKING:
    from collections.abc import Iterator

AZURITE = shutil.which("azurite-blob")
pytestmark = pytest.mark.skipif(not AZURITE, reason="azurite-blob is not installed")

DAY_MS = 86_400_000
PATIENCE_S = 120
ACCOUNT, KEY = "plantaccount", base64.b64encode(b"a key of the tests").decode()


@pytest.fixture(scope="module")
def azure(tmp_path_factory) -> Iterator[str]:
    """The address of the account at a service that speaks Azure's protocol."""
    folder = tmp_path_factory.mktemp("azurite")
    command = [AZURITE, "--location", str(folder), "--blobHost", "127.0.0.1", "--blobPort", "0"]
    told = (folder / "told").open("w+")
    running = subprocess.Popen(
        [*command, "--skipApiVersionCheck", "--disableTelemetry"],
        env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        stdout=told,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        ready = re.compile(r"successfully listen\w* on (http://[\d.:]+)")
        found = until(lambda: ready.search((folder / "told").read_text()), bool)
        yield f"{found[1]}/{ACCOUNT}"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(60)
        told.close()


def asked(azure: str, method: str, path: str, **query: str) -> httpx.Response:
    """Send a request signed with the key of the account."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    named = "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
    whole = f"{method}{chr(10) * 12}" + "\n".join([*lines, f"/{ACCOUNT}/{ACCOUNT}{path}{named}"])
    signed = hmac.digest(base64.b64decode(KEY), whole.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}"
    return httpx.request(method, f"{azure}{path}", params=query, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def world(azure: str) -> Iterator[Vendor]:
    quick = {"heartbeat_seconds": 0.25, "sweep_seconds": 0.25}
    lean = {"workers": 1, "script_workers": 1, "admin_password": PASSWORD}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_ENDPOINT", azure)
        patch.setenv("AZURE_ALLOW_HTTP", "true")
        with serving(**quick, **lean, archive_format="parquet") as running:
            client = signed_in(running.url)
            made = client.applications.post(application={"name": "Plant"})
            yield Vendor(client, running.url, made["id"])


def archived(world: Vendor, then: int, **config: Any) -> dict[str, Any]:
    """Archive a day and return what became of it."""
    whole = {"delayDays": 1, "mode": "all", **config}
    world.client.application.patch(**world.key, application={"archiveConfig": whole})
    job_id = world.client.application.archive_data(**world.key, date=then)["jobId"]
    return until(
        lambda: world.client.application_job_log.get(**world.key, jobId=job_id),
        lambda log: log["status"] not in ("queued", "inProgress"),
    )


def test_a_day_is_archived_to_a_container_by_a_key_and_by_a_credential(world, azure):
    assert asked(azure, "PUT", "/plant", restype="container").status_code == 201
    attributes = [{"name": "t", "dataType": "number"}]
    device = world.client.devices.post(**world.key, device={"name": "P", "attributes": attributes})
    then = int(time.time() * 1000) - 2 * DAY_MS
    state = {"time": then, "data": {"t": 21.5}}
    world.client.device.send_state(**world.key, deviceId=device["id"], deviceState=state)
    given = {"account": ACCOUNT, "accountKey": KEY}

    by_key = archived(world, then, directory="key", azure={"bucket": "plant", **given})
    world.client.credentials.post(
        **world.key, credential={"name": "Bucket", "type": "azure", "azureConfig": given}
    )
    by_name = archived(
        world, then, directory="name", credentialName="Bucket", azure={"bucket": "plant"}
    )
    wrong = base64.b64encode(b"another").decode()
    refused = archived(
        world, then, azure={"bucket": "plant", "account": ACCOUNT, "accountKey": wrong}
    )
    absent = archived(world, then, azure={"bucket": "absent", **given})

    assert by_key["output"]["points"] == by_name["output"]["points"] == 1
    listed = asked(azure, "GET", "/plant", restype="container", comp="list").text
    names = sorted(re.findall("<Name>([^<]*)</Name>", listed))
    assert [name.split("/")[0] for name in names] == ["key", "name"]
    table = pyarrow.parquet.read_table(
        io.BytesIO(asked(azure, "GET", f"/plant/{names[0]}").content)
    )
    assert table["t"].to_pylist() == [21.5]
    assert "refuses" in refused["error"]["message"]
    assert wrong not in str(refused)
    assert "was not found" in absent["error"]["message"]
